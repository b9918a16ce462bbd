import { beforeEach, expect, test } from "vitest";
import { NEVER, type Subscription } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { startWorld } from "../support/world.ts";

/**
 * A waiting delivery does not delay other incidents. When Aurora accepts a delivery after an outage, waiting deliveries
 * are tried early, but never before the time in a Retry-After.
 */

/** The last wait is so long that only an early attempt can end it during a test. */
const SCHEDULE = "0,0.2,0.2,7200";

let subscription: Subscription;

const stage = openStage(() => startWorld({ DELIVERY_SCHEDULE: SCHEDULE }));
beforeEach(async () => {
  subscription = await stage.connect();
});

const attemptsFor = (incidentId: string) =>
  stage.aurora.attempts.filter(({ body }) => body?.data.incident.incidentId === incidentId).length;
const isDelivered = (incidentId: string) => stage.aurora.of(incidentId).length > 0;
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
  until("the delivery to wait for its next attempt", async () => {
    const [row] = await pending(incidentId);
    return row?.["attempts"] === attempts && Number(row["atMs"]) > Date.now() + 1000;
  });

test("an object that is evicted during an outage sends its waiting deliveries after Aurora accepts a new delivery", async () => {
  stage.aurora.answer = () => ({ status: 503 });
  const waiting = [stage.account.trigger(), stage.account.trigger()];
  for (const { id } of waiting) await waitsFor(id, 3);
  await stage.worker.evict(stage.user);
  stage.aurora.answer = () => ({ status: 200 });
  const sign = stage.account.trigger();
  await stage.aurora.waitFor("a first accepted notification", () => isDelivered(sign.id));
  await stage.aurora.waitFor("the waiting notifications", () => waiting.every(({ id }) => isDelivered(id)));
});

test("while Aurora accepts other deliveries, a refused delivery gets one early attempt and keeps its scheduled attempt", async () => {
  const refused = stage.account.trigger();
  stage.aurora.answer = ({ body }) => ({
    status: body?.data.incident.incidentId === refused.id ? 500 : 200,
  });
  await waitsFor(refused.id, 3);
  const [planned] = await pending(refused.id);
  for (const title of ["one", "two", "three"]) {
    const fine = stage.account.trigger({ title });
    await stage.aurora.waitFor("another incident", () => stage.aurora.of(fine.id).length === 2);
  }
  expect(attemptsFor(refused.id)).toBe(4);
  expect(await pending(refused.id)).toEqual([planned]);
});

test("early attempts of an earlier connection do not change the retries of the current connection", async () => {
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
  // The disconnect removed the old journal, so this delivery gets the same `seq` as a former delivery. The retry must
  // still follow after 0.2 s, not after two hours.
  const next = account.trigger();
  stage.aurora.answer = () => ({ status: attemptsFor(next.id) > 1 ? 200 : 503 });
  await stage.aurora.waitFor("the next connection's incident", () => isDelivered(next.id));
});

test("an early attempt is never made before the time in Aurora's Retry-After", async () => {
  const asked = stage.account.trigger();
  stage.aurora.answer = ({ body }) =>
    body?.data.incident.incidentId === asked.id
      ? { status: 429, headers: { "retry-after": "3600" } }
      : { status: 200 };
  await waitsFor(asked.id, 1);
  for (const title of ["one", "two"]) {
    const fine = stage.account.trigger({ title });
    await stage.aurora.waitFor("another incident", () => stage.aurora.of(fine.id).length === 2);
  }
  expect(attemptsFor(asked.id)).toBe(1);
  const status = await stage.call("GET", "");
  expect(status.body).toMatchObject({ problems: [{ code: "deliveries_failing" }] });
});

test("while PagerDuty does not answer, incidents without a number wait, and incidents with a number are sent", async () => {
  const isLookUp = ({ path }: { path: string }) => path.startsWith("/incidents/");
  stage.pagerduty.faults.api = { hang: NEVER, match: (_, path) => isLookUp({ path }) };
  const numberless = [1, 2, 3, 4, 5].map((n) =>
    stage.account.trigger({ title: `no number ${n}`, omitNumber: true }),
  );
  await subscription.idle();
  await until("the first look-up", () => stage.pagerduty.requests.some(isLookUp));
  const fine = stage.account.trigger({ title: "with a number" });
  await stage.aurora.waitFor("the incident with a number", () => isDelivered(fine.id));
  // The look-up of the number is still in progress, because the Worker aborts it only after 20 s.
  expect(await errors()).toEqual([]);
  expect(numberless.some(({ id }) => isDelivered(id))).toBe(false);
});

test("hanging retries of six incidents do not hold up a new incident", async () => {
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
  await stage.aurora.waitFor("the new incident", () => isDelivered(fine.id));
  // No hanging attempt has timed out yet: every recorded error is a 500.
  expect(new Set(await errors())).toEqual(new Set(["Aurora answered 500"]));
});
