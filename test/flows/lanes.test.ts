import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Account, Subscription } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

/** What waits, waits for its own sake only: other incidents, Aurora's wish and the schedule are kept. */

/** The last wait is long enough to be worth hurrying. */
const SCHEDULE = "0,0.2,0.2,7200";

let world: World;
let serial = 0;
let user: string;
let account: Account;
let subscription: Subscription;

beforeAll(async () => {
  world = await startWorld({ DELIVERY_SCHEDULE: SCHEDULE });
});
beforeEach(async () => {
  world.aurora.reset();
  world.pagerduty.faults.api = null;
  serial += 1;
  user = `user-${serial}`;
  account = world.pagerduty.account();
  subscription = await connectUser(world, user, account);
});
afterAll(() => world.close());

const attemptsFor = (incidentId: string) =>
  world.aurora.attempts.filter(({ body }) => body?.data.incident.incidentId === incidentId).length;
const told = (incidentId: string) => world.aurora.of(incidentId).length > 0;
const pending = (incidentId: string) =>
  world.worker.sql(
    user,
    "SELECT attempts, next_attempt_at_ms AS atMs FROM journal WHERE delivery = 'pending' AND incident_id = ?",
    incidentId,
  );
const waitsFor = (incidentId: string, attempts: number) =>
  until("it to wait for its next attempt", async () => {
    const [row] = await pending(incidentId);
    return row?.["attempts"] === attempts && Number(row["atMs"]) > Date.now() + 1000;
  });

test("also an object that left memory notices that Aurora is back", async () => {
  world.aurora.answer = () => ({ status: 503 });
  const waiting = [account.trigger(), account.trigger()];
  for (const { id } of waiting) await waitsFor(id, 3);
  await world.worker.evict(user);
  world.aurora.answer = () => ({ status: 200 });
  const sign = account.trigger();
  await world.aurora.waitFor("the sign", () => told(sign.id));
  await world.aurora.waitFor("the others", () => waiting.every(({ id }) => told(id)));
});

test("what is refused for its own sake is tried once beside the schedule, and keeps its place in it", async () => {
  const refused = account.trigger();
  world.aurora.answer = ({ body }) => ({
    status: body?.data.incident.incidentId === refused.id ? 500 : 200,
  });
  await waitsFor(refused.id, 3);
  const [planned] = await pending(refused.id);
  for (const title of ["one", "two", "three"]) {
    const fine = account.trigger({ title });
    await world.aurora.waitFor("the others", () => world.aurora.of(fine.id).length === 2);
  }
  expect(attemptsFor(refused.id)).toBe(4);
  expect(await pending(refused.id)).toEqual([planned]);
});

test("Aurora's Retry-After is kept, whatever else is accepted", async () => {
  const asked = account.trigger();
  world.aurora.answer = ({ body }) =>
    body?.data.incident.incidentId === asked.id
      ? { status: 429, headers: { "retry-after": "3600" } }
      : { status: 200 };
  await waitsFor(asked.id, 1);
  for (const title of ["one", "two"]) {
    const fine = account.trigger({ title });
    await world.aurora.waitFor("the others", () => world.aurora.of(fine.id).length === 2);
  }
  expect(attemptsFor(asked.id)).toBe(1);
  const status = await world.worker.call(user, "GET", "/pagerduty");
  expect(status.body).toMatchObject({ problems: [{ code: "deliveries_failing" }] });
});

test("a PagerDuty that hangs holds up only what it has to be asked for, and uses up no attempt", async () => {
  world.pagerduty.faults.api = { hangMs: 30_000, match: (_, path) => path.startsWith("/incidents/") };
  const numberless = [1, 2, 3, 4, 5].map((n) =>
    account.trigger({ title: `no number ${n}`, omitNumber: true }),
  );
  await subscription.idle();
  await until("the first look-up", () =>
    world.pagerduty.requests.some(({ path }) => path.startsWith("/incidents/")),
  );
  const startedAt = Date.now();
  const fine = account.trigger({ title: "with a number" });
  await world.aurora.waitFor("it", () => told(fine.id));
  expect(Date.now() - startedAt).toBeLessThan(5_000);
  expect(numberless.some(({ id }) => told(id))).toBe(false);
});

test("incidents that failed before, and now hang, do not hold up a new one", async () => {
  const hanging = new Set([1, 2, 3, 4, 5, 6].map((n) => account.trigger({ title: `hangs ${n}` }).id));
  const isHanging = (id = "") => hanging.has(id);
  world.aurora.answer = ({ body }) =>
    isHanging(body?.data.incident.incidentId)
      ? attemptsFor(body?.data.incident.incidentId ?? "") > 1
        ? { hang: true }
        : { status: 500 }
      : { status: 200 };
  await until("second attempts", () => [...hanging].some((id) => attemptsFor(id) > 1));
  const startedAt = Date.now();
  const fine = account.trigger({ title: "free", priority: "P1" });
  await world.aurora.waitFor("it", () => told(fine.id));
  expect(Date.now() - startedAt).toBeLessThan(5_000);
});
