import { beforeEach, expect, test } from "vitest";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { startWorld } from "../support/world.ts";

/** A person can redeliver the deliveries that failed since a given time, read the progress, and stop the redelivery. */

const stage = openStage(() => startWorld({ DELIVERY_SCHEDULE: "0,0.1" }));
beforeEach(async () => {
  await stage.connect();
});

const { call } = stage;
const progress = async () => (await call("GET", "/deliveries/redeliver")).body;
const deadCount = async () => (await stage.sql("SELECT 1 FROM journal WHERE delivery = 'dead'")).length;

/** Triggers incidents, and waits until both deliveries of each incident are dead. */
async function failing(count: number) {
  stage.aurora.answer = () => ({ status: 500 });
  const incidents = Array.from({ length: count }, () => stage.account.trigger());
  await until("every delivery to be dead", async () => (await deadCount()) === 2 * count);
  return incidents;
}

test("deliveries that failed since a given time are sent again, and the progress counts them", async () => {
  const since = new Date().toISOString();
  const [lost] = await failing(2);
  expect(await progress()).toMatchObject({ startedAt: null, pending: 0, delivered: 0, failed: 0 });
  const listed = await call("GET", `/deliveries?limit=1&counts=true&since=${since}`);
  expect(listed.body).toMatchObject({ counts: { state: { dead: { count: 4, more: false } } } });
  stage.aurora.answer = ({ body }) => ({ status: body?.data.incident.incidentId === lost?.id ? 500 : 202 });
  expect((await call("POST", "/deliveries/redeliver", { since })).body).toEqual({ redelivered: 4 });
  await until(
    "the redelivery to be over",
    async () => ((await progress()) as { pending: number }).pending === 0,
  );
  expect(await progress()).toEqual({
    startedAt: expect.any(String),
    pending: 0,
    delivered: 2,
    failed: 2,
    more: false,
  });
});

test("only the deliveries that failed for the given reason are sent again", async () => {
  const [refused, lost] = [stage.account.trigger(), stage.account.trigger()];
  stage.aurora.answer = ({ body }) => ({
    status: body?.data.incident.incidentId === refused.id ? 403 : 500,
  });
  await until("every delivery to be dead", async () => (await deadCount()) === 4);
  stage.aurora.answer = () => ({ status: 202 });
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const redeliver = (body: object) => call("POST", "/deliveries/redeliver", body);
  expect((await redeliver({ error: "unreachable" })).body).toEqual({ redelivered: 0 });
  expect((await redeliver({ error: "refused", since: "2100-01-01T00:00:00Z" })).body).toEqual({
    redelivered: 0,
  });
  expect((await redeliver({ error: "refused", since })).body).toEqual({ redelivered: 2 });
  await stage.aurora.waitFor("the refused incident", (aurora) => aurora.of(refused.id).length === 2);
  expect(stage.aurora.of(lost.id)).toEqual([]);
  expect(await deadCount()).toBe(2);
});

test.each([
  [{ error: "lost" }, "must be refused, rate_limited, server_error, unreachable, not_sent"],
  [{ error: "refused", ids: ["msg_1"] }, "ids cannot be combined with since or error"],
])("a redelivery of %j is refused", async (body, message) => {
  const { status, body: answer } = await call("POST", "/deliveries/redeliver", body);
  expect({ status, answer }).toMatchObject({
    status: 400,
    answer: { error: expect.stringContaining(message) },
  });
});

test("the status shows when Aurora last accepted a delivery, even if that delivery was sent again", async () => {
  const [old] = await failing(1);
  stage.aurora.answer = () => ({ status: 202 });
  const younger = stage.account.trigger();
  await stage.aurora.waitFor("the younger incident", (aurora) => aurora.of(younger.id).length === 2);
  const delivery = async () =>
    ((await call("GET", "")).body as { delivery: { pending: number; lastDeliveredAt: string } }).delivery;
  const lastDeliveredMs = async () => Date.parse((await delivery()).lastDeliveredAt);
  await until("the end of its deliveries", async () => (await delivery()).pending === 0);
  const beforeMs = await lastDeliveredMs();
  await call("POST", "/deliveries/redeliver");
  await stage.aurora.waitFor("the old incident", (aurora) => aurora.of(String(old?.id)).length === 2);
  await until("its acceptance in the status", async () => (await lastDeliveredMs()) > beforeMs);
});

test("a redelivery that is stopped makes no further attempts, and later incidents are sent", async () => {
  const incidents = await failing(4);
  stage.aurora.reset();
  stage.aurora.answer = ({ body }) =>
    incidents.some(({ id }) => id === body?.data.incident.incidentId) ? { hang: true } : { status: 202 };
  expect((await call("POST", "/deliveries/redeliver")).body).toEqual({ redelivered: 8 });
  await until("attempts that hang", () => stage.aurora.attempts.length === 2);
  expect((await call("DELETE", "/deliveries/redeliver")).body).toEqual({ stopped: 8 });
  expect(await progress()).toMatchObject({ pending: 0, delivered: 0 });
  expect(await deadCount()).toBe(8);
  const later = stage.account.trigger();
  await stage.aurora.waitFor("the later incident", (aurora) => aurora.of(later.id).length === 2);
  const old = stage.aurora.attempts.filter(({ body }) => body?.data.incident.incidentId !== later.id);
  expect(old).toHaveLength(2);
});
