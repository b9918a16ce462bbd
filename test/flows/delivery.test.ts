import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Subscription, sign, webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { settled } from "../support/worker.ts";
import { connectUser, OWN_ROUTE, startWorld, type World } from "../support/world.ts";

/** Deliveries are sent to Aurora, retried by the schedule, listed, and sent again on request. */

let subscription: Subscription;

const stage = openStage(() => startWorld({ DELIVERY_SCHEDULE: "0,0.2,0.2,7200" }));
beforeEach(async () => {
  subscription = await stage.connect();
});
afterEach(async () => {
  stage.account.unsubscribe(subscription.id);
  await stage.call("DELETE", "");
});

const { call } = stage;
const deliveries = async (state: string) => {
  const { body } = await call("GET", `/deliveries?state=${state}`);
  return (body as { deliveries: Record<string, unknown>[] }).deliveries;
};
const attemptsFor = (incidentId: string) =>
  stage.aurora.attempts.filter(({ body }) => body?.data.incident.incidentId === incidentId);

test("a failed delivery is retried by the schedule, with the same webhook-id and a valid signature", async () => {
  stage.aurora.answer = ({ index }) => ({ status: index < 2 ? 500 : 200 });
  const incident = stage.account.trigger();
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
  const tries = attemptsFor(incident.id).filter(({ body }) => body?.type === "incident.triggered");
  expect(tries).toHaveLength(3);
  expect(new Set(tries.map(({ webhookId }) => webhookId)).size).toBe(1);
  expect(tries.every(({ signatureValid }) => signatureValid)).toBe(true);
});

test("a delivery is shown with the body that Aurora received, but is not shown to another user", async () => {
  const incident = stage.account.trigger();
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
  const [attempt] = attemptsFor(incident.id);
  const shown = await call("GET", `/deliveries/${attempt?.webhookId}`);
  expect(shown.body).toMatchObject({
    id: attempt?.webhookId,
    incidentId: incident.id,
    type: attempt?.body?.type,
  });
  expect((shown.body as { payload: unknown }).payload).toEqual(attempt?.body);
  await connectUser(stage, "stranger", stage.pagerduty.account());
  expect(
    (await stage.worker.call("stranger", "GET", `/pagerduty/deliveries/${attempt?.webhookId}`)).status,
  ).toBe(404);
});

test("a notification waits for the previous notification of its incident, and other incidents do not wait", async () => {
  const stuck = stage.account.trigger({ title: "Stuck" });
  stage.aurora.answer = ({ body }) => ({ status: body?.data.incident.incidentId === stuck.id ? 503 : 200 });
  stuck.acknowledge();
  const free = stage.account.trigger({ title: "Free" });
  await stage.aurora.waitFor("the free incident", (aurora) => aurora.of(free.id).length === 2);
  await until("two attempts for the stuck incident", () => attemptsFor(stuck.id).length >= 2);
  const seen = attemptsFor(stuck.id).map(({ body }) => body?.type);
  expect(new Set(seen)).toEqual(new Set(["incident.triggered"]));
});

test("a delivery that hangs holds up only its own incident", async () => {
  const hanging = stage.account.trigger({ title: "Hangs" });
  stage.aurora.answer = ({ body }) =>
    body?.data.incident.incidentId === hanging.id ? { hang: true } : { status: 200 };
  await until("the hanging attempt", () => attemptsFor(hanging.id).length > 0);
  const free = stage.account.trigger({ title: "Free" });
  await stage.aurora.waitFor("the free incident", (aurora) => aurora.of(free.id).length > 0);
  // The hanging attempt has not timed out yet, so it has no error.
  const pending = (await deliveries("pending")).filter(({ incidentId }) => incidentId === hanging.id);
  expect(new Set(pending.map(({ lastError }) => lastError))).toEqual(new Set([null]));
});

test("a delivery that Aurora refuses in its last attempt is dead, and is sent again with the same id on request", async () => {
  const world2 = await startWorld({ DELIVERY_SCHEDULE: "0,0.1" });
  try {
    const account2 = world2.pagerduty.account();
    const subscription2 = await connectUser(world2, "bob", account2);
    world2.aurora.answer = () => ({ status: 400 });
    const incident = account2.trigger();
    incident.acknowledge();
    await subscription2.idle();
    await settled(world2.worker, "bob", 2);
    const listed = await world2.worker.call("bob", "GET", "/pagerduty/deliveries?state=dead");
    const dead = (listed.body as { deliveries: { id: string; attempts: number }[] }).deliveries;
    expect(dead).toHaveLength(3);
    expect(dead[0]).toMatchObject({
      state: "dead",
      attempts: 2,
      lastError: expect.stringMatching(/^Aurora answered 400\. .*matter of configuration.*is dead/),
      lastStatus: 400,
      nextAttemptAt: null,
    });
    const status = await world2.worker.call("bob", "GET", "/pagerduty");
    expect(status.body).toMatchObject({
      delivery: { pending: 0, dead: 3, lastError: expect.stringContaining("Aurora answered 400") },
      problems: [{ code: "deliveries_dead" }],
    });

    world2.aurora.answer = () => ({ status: 200 });
    const one = await world2.worker.call("bob", "POST", "/pagerduty/deliveries/redeliver", {
      body: { ids: [dead[0]?.id, "msg_unknown"] },
    });
    expect(one.body).toEqual({ redelivered: 1 });
    const rest = await world2.worker.call("bob", "POST", "/pagerduty/deliveries/redeliver");
    expect(rest.body).toEqual({ redelivered: 2 });
    await settled(world2.worker, "bob", 2);
    expect(new Set(world2.aurora.accepted.map(({ type }) => type))).toEqual(
      new Set(["incident.triggered", "incident.acknowledged", "incident.rca_requested"]),
    );
    const accepted = world2.aurora.attempts.filter(({ status: code }) => code === 200);
    expect(accepted.map(({ webhookId }) => webhookId).sort()).toEqual(dead.map(({ id }) => id).sort());
  } finally {
    await world2.close();
  }
});

test("when Aurora accepts a delivery after an outage, deliveries that would wait two hours are sent immediately", async () => {
  stage.aurora.answer = () => ({ status: 503 });
  const waiting = [stage.account.trigger(), stage.account.trigger(), stage.account.trigger()];
  await until("every delivery to wait for the long step", async () => {
    const rows = await stage.sql("SELECT attempts FROM journal WHERE delivery = 'pending'");
    return rows.length >= 3 && rows.every((row) => row["attempts"] === 3);
  });
  stage.aurora.answer = () => ({ status: 200 });
  const sign = stage.account.trigger();
  await stage.aurora.waitFor("a first accepted notification", (aurora) => aurora.of(sign.id).length > 0);
  await stage.aurora.waitFor("the waiting notifications", (aurora) =>
    waiting.every(({ id }) => aurora.of(id).length > 0),
  );
});

test("the next attempt of a delivery is not before the time in Aurora's Retry-After", async () => {
  stage.aurora.answer = () => ({ status: 429, headers: { "retry-after": "1800" } });
  const incident = stage.account.trigger();
  await until("the first attempt", () => attemptsFor(incident.id).length > 0);
  await until("the next attempt to be planned", async () => {
    const times = (await deliveries("pending")).map(({ nextAttemptAt }) => nextAttemptAt);
    return times.some((time) => typeof time === "string" && Date.parse(time) > Date.now() + 1_700_000);
  });
});

test("deliveries can be filtered by error class and time, and counted by error class and state", async () => {
  stage.aurora.answer = () => ({ status: 503 });
  const before = new Date(Date.now() - 60_000).toISOString();
  const failing = stage.account.trigger();
  await until("a failed attempt", async () => {
    const { body } = await call("GET", `/deliveries?error=server_error&since=${before}&counts=true`);
    const { deliveries: listed, counts } = body as {
      deliveries: Record<string, unknown>[];
      counts: Record<string, Record<string, { count: number; more: boolean }>>;
    };
    if (listed.length === 0) return false;
    expect(listed[0]).toMatchObject({ incidentId: failing.id, errorClass: "server_error" });
    expect(counts["error"]).toMatchObject({ server_error: { count: 1, more: false } });
    expect(counts["state"]).toMatchObject({ pending: { count: 1 }, dead: { count: 0 } });
    return true;
  });
  expect((await call("GET", `/deliveries?until=${before}`)).body).toEqual({
    deliveries: [],
    nextCursor: null,
  });
  expect((await call("GET", "/deliveries?error=rate_limited")).body).toMatchObject({ deliveries: [] });
});

test("the list of deliveries has pages, and a call with an invalid parameter is refused", async () => {
  const incident = stage.account.trigger();
  incident.acknowledge();
  await subscription.idle();
  await stage.settled(2);
  const first = await call("GET", "/deliveries?state=delivered&limit=2");
  expect(first.body).toMatchObject({
    deliveries: [
      { state: "delivered", attempts: 1, incidentId: incident.id, deliveredAt: expect.any(String) },
      {},
    ],
    nextCursor: expect.any(String),
  });
  const cursor = (first.body as { nextCursor: string }).nextCursor;
  const second = await call("GET", `/deliveries?state=delivered&limit=2&cursor=${cursor}`);
  expect(second.body).toMatchObject({ deliveries: [{ incidentId: incident.id }], nextCursor: null });
  const times = ["since=yesterday", "until=2026-11-22T03:00:00"];
  for (const query of [
    ...times,
    "state=lost",
    "error=bad",
    "counts=1",
    "limit=0",
    "limit=101",
    "limit=x",
    "cursor=zzz",
  ]) {
    expect((await call("GET", `/deliveries?${query}`)).status).toBe(400);
  }
});

test("without AURORA_EVENTS_URL incidents are stored and can be read", async () => {
  const quiet = await startWorld({
    AURORA_EVENTS_URL: null,
    AURORA_EVENTS_FORMAT: null,
    AURORA_EVENTS_SECRET: null,
  });
  try {
    const account2 = quiet.pagerduty.account();
    const subscription2 = await connectUser(quiet, "bob", account2);
    const incident = account2.trigger({ title: "Kept", omitNumber: true });
    await subscription2.idle();
    await settled(quiet.worker, "bob", 1);
    // The webhook lacks the incident's number, so the connector reads the number from PagerDuty.
    await until("the incident with its number", async () => {
      const { body } = await quiet.worker.call("bob", "GET", "/pagerduty/incidents");
      const [shown] = (body as { incidents: Record<string, unknown>[] }).incidents;
      return shown?.["title"] === "Kept" && shown["sourceAlertId"] === String(incident.number);
    });
    expect((await quiet.worker.call("bob", "GET", "/pagerduty/deliveries")).body).toMatchObject({
      deliveries: [],
    });
    expect(quiet.aurora.attempts).toEqual([]);
  } finally {
    await quiet.close();
  }
});

describe("a connector that sends the format v3 to Aurora's own route", () => {
  const post = async (user2: string, secret: string, body: string, webhookId: string) => {
    const reply = await v3.worker.request(`/pagerduty/webhook/${user2}`, {
      method: "POST",
      headers: { "x-webhook-id": webhookId, "x-pagerduty-signature": sign(secret, body) },
      body,
    });
    expect(reply.status).toBe(202);
  };

  let v3: World;
  beforeAll(async () => {
    v3 = await startWorld({
      AURORA_EVENTS_FORMAT: "v3",
      AURORA_EVENTS_SECRET: null,
      AURORA_EVENTS_URL: OWN_ROUTE,
    });
  });
  afterAll(() => v3.close());

  test("sends one event for each change, in order, with the delivery's id", async () => {
    const account2 = v3.pagerduty.account();
    const subscription2 = await connectUser(v3, "bob", account2);
    const incident = account2.trigger({ title: "Żółw 🐢" });
    incident.annotate("no news for Aurora");
    incident.setField("runbook_link", "http://localhost/runbook");
    incident.acknowledge();
    incident.resolve();
    await subscription2.idle();
    await settled(v3.worker, "bob", 5);
    const sent = v3.aurora.attempts;
    const bodies = sent.map(({ raw }) => JSON.parse(new TextDecoder().decode(raw)));
    expect(bodies.map(({ event }) => event.event_type)).toEqual([
      "incident.triggered",
      "incident.custom_field_values.updated",
      "incident.acknowledged",
      "incident.resolved",
    ]);
    expect(bodies[0].event.data).toMatchObject({ number: incident.number, title: "Żółw 🐢" });
    expect(bodies.map(({ aurora }) => aurora)).toEqual(Array(4).fill({ user_id: "bob", org_id: null }));
    expect(new Set(sent.map(({ path }) => path))).toEqual(new Set(["/pagerduty/webhook/bob"]));
    const listed = await v3.worker.call("bob", "GET", "/pagerduty/deliveries");
    const { deliveries } = listed.body as { deliveries: { id: string }[] };
    expect(sent.map(({ headers }) => headers["x-webhook-id"]).reverse()).toEqual(
      deliveries.map(({ id }) => id),
    );
    expect(bodies.map(({ event }) => event.id).reverse()).toEqual(deliveries.map(({ id }) => id));
  });

  test("sends an event only once if its webhook arrives with many webhook ids, and records at most ten copies of the webhook", async () => {
    const account2 = v3.pagerduty.account();
    const { id, secret } = await connectUser(v3, "dave", account2);
    account2.unsubscribe(id);
    const body = webhookBody(account2.trigger().announce());
    v3.aurora.reset();
    for (let n = 0; n < 30; n += 1) await post("dave", secret, body, `copy-${n}`);
    await settled(v3.worker, "dave", 11);
    await until("all copies to be processed", () => {
      const lines = v3.worker.logs().filter((line) => line.includes("webhook.processed"));
      return lines.filter((line) => line.includes("dave")).length >= 29;
    });
    const rows = await v3.worker.sql(
      "dave",
      "SELECT outcome, length(payload) AS bytes FROM journal WHERE kind = 'webhook' ORDER BY seq",
    );
    expect(rows[0]).toMatchObject({ outcome: "applied" });
    expect(rows.slice(1)).toEqual(Array(10).fill({ outcome: "duplicate", bytes: null }));
    expect(v3.aurora.attempts).toHaveLength(1);
  });
});
