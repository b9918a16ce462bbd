import { beforeEach, expect, test } from "vitest";
import { NEVER, type Subscription } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { startWorld } from "../support/world.ts";

/** What waits, waits for its own sake only: other incidents, Aurora's wish and the schedule are kept. */

/** The last wait is long enough to be ended early. */
const SCHEDULE = "0,0.2,0.2,7200";

let subscription: Subscription;

const stage = openStage(() => startWorld({ DELIVERY_SCHEDULE: SCHEDULE }));
beforeEach(async () => {
  subscription = await stage.connect();
});

const attemptsFor = (incidentId: string) =>
  stage.aurora.attempts.filter(({ body }) => body?.data.incident.incidentId === incidentId).length;
const told = (incidentId: string) => stage.aurora.of(incidentId).length > 0;
const pending = (incidentId: string) =>
  stage.sql(
    "SELECT attempts, next_attempt_at_ms AS atMs FROM journal WHERE delivery = 'pending' AND incident_id = ?",
    incidentId,
  );
const errors = async () => {
  const rows = await stage.sql("SELECT last_error AS error FROM journal WHERE last_error <> ''");
  return rows.map(({ error }) => error);
};
const waitsFor = (incidentId: string, attempts: number) =>
  until("it to wait for its next attempt", async () => {
    const [row] = await pending(incidentId);
    return row?.["attempts"] === attempts && Number(row["atMs"]) > Date.now() + 1000;
  });

test("also an object that left memory notices that Aurora is back", async () => {
  stage.aurora.answer = () => ({ status: 503 });
  const waiting = [stage.account.trigger(), stage.account.trigger()];
  for (const { id } of waiting) await waitsFor(id, 3);
  await stage.worker.evict(stage.user);
  stage.aurora.answer = () => ({ status: 200 });
  const sign = stage.account.trigger();
  await stage.aurora.waitFor("the sign", () => told(sign.id));
  await stage.aurora.waitFor("the others", () => waiting.every(({ id }) => told(id)));
});

test("what is refused for its own sake is tried once beside the schedule, and keeps its place in it", async () => {
  const refused = stage.account.trigger();
  stage.aurora.answer = ({ body }) => ({
    status: body?.data.incident.incidentId === refused.id ? 500 : 200,
  });
  await waitsFor(refused.id, 3);
  const [planned] = await pending(refused.id);
  for (const title of ["one", "two", "three"]) {
    const fine = stage.account.trigger({ title });
    await stage.aurora.waitFor("the others", () => stage.aurora.of(fine.id).length === 2);
  }
  expect(attemptsFor(refused.id)).toBe(4);
  expect(await pending(refused.id)).toEqual([planned]);
});

test("after a disconnect, early attempts of the former connection change nothing for the next one", async () => {
  const former = stage.account.trigger();
  stage.aurora.answer = ({ body }) => ({
    status: body?.data.incident.incidentId === former.id ? 503 : 200,
  });
  await waitsFor(former.id, 3);
  stage.account.trigger({ title: "accepted" });
  await until("the early attempt", () => attemptsFor(former.id) === 4);
  await waitsFor(former.id, 3);
  await stage.call("DELETE", "");
  const account = stage.pagerduty.account();
  await stage.connect(account);
  // Its row has the number that the former incident's row had; the schedule's second wait is 0.2 s.
  const next = account.trigger();
  stage.aurora.answer = () => ({ status: attemptsFor(next.id) > 1 ? 200 : 503 });
  await stage.aurora.waitFor("the next connection's incident", () => told(next.id));
});

test("Aurora's Retry-After is kept, whatever else is accepted", async () => {
  const asked = stage.account.trigger();
  stage.aurora.answer = ({ body }) =>
    body?.data.incident.incidentId === asked.id
      ? { status: 429, headers: { "retry-after": "3600" } }
      : { status: 200 };
  await waitsFor(asked.id, 1);
  for (const title of ["one", "two"]) {
    const fine = stage.account.trigger({ title });
    await stage.aurora.waitFor("the others", () => stage.aurora.of(fine.id).length === 2);
  }
  expect(attemptsFor(asked.id)).toBe(1);
  const status = await stage.call("GET", "");
  expect(status.body).toMatchObject({ problems: [{ code: "deliveries_failing" }] });
});

test("a PagerDuty that hangs holds up only what it has to be asked for, and uses up no attempt", async () => {
  const isLookUp = ({ path }: { path: string }) => path.startsWith("/incidents/");
  stage.pagerduty.faults.api = { hang: NEVER, match: (_, path) => isLookUp({ path }) };
  const numberless = [1, 2, 3, 4, 5].map((n) =>
    stage.account.trigger({ title: `no number ${n}`, omitNumber: true }),
  );
  await subscription.idle();
  await until("the first look-up", () => stage.pagerduty.requests.some(isLookUp));
  const fine = stage.account.trigger({ title: "with a number" });
  await stage.aurora.waitFor("it", () => told(fine.id));
  // The look-up, which the Worker gives up after 20 s, has not ended yet.
  expect(await errors()).toEqual([]);
  expect(numberless.some(({ id }) => told(id))).toBe(false);
});

test("incidents that failed before, and now hang, do not hold up a new one", async () => {
  const hanging = new Set([1, 2, 3, 4, 5, 6].map((n) => stage.account.trigger({ title: `hangs ${n}` }).id));
  const isHanging = (id = "") => hanging.has(id);
  stage.aurora.answer = ({ body }) =>
    isHanging(body?.data.incident.incidentId)
      ? attemptsFor(body?.data.incident.incidentId ?? "") > 1
        ? { hang: true }
        : { status: 500 }
      : { status: 200 };
  await until("second attempts", () => [...hanging].some((id) => attemptsFor(id) > 1));
  const fine = stage.account.trigger({ title: "free", priority: "P1" });
  await stage.aurora.waitFor("it", () => told(fine.id));
  // No attempt that hangs has been given up yet: all that failed answered 500.
  expect(new Set(await errors())).toEqual(new Set(["Aurora answered 500"]));
});
