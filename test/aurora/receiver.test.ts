import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ACME, ADA, callAs, fieldEvent, incidentEvent, sendEvent } from "./sender.ts";
import { startTodaysAurora, type TodaysAurora } from "./todays-aurora.ts";

const OLD_SECRET = `whsec_${randomBytes(24).toString("base64")}`;
const NEW_SECRET = `whsec_${randomBytes(24).toString("base64")}`;

let aurora: TodaysAurora;

beforeAll(async () => {
  const eventsSecret = `${NEW_SECRET},${OLD_SECRET}`;
  aurora = await startTodaysAurora({
    eventsSecret,
    analysisDelayMs: null,
    correlationLatencyMs: 0,
    memgraph: false,
  });
});

afterAll(() => aurora.close());

beforeEach(() => {
  aurora.reset();
  aurora.directory.addUser(ADA, ACME);
});

const send = (event: ReturnType<typeof incidentEvent>, options: Parameters<typeof sendEvent>[2] = {}) =>
  sendEvent(aurora, event, { secret: NEW_SECRET, ...options });

test("the receiver stores an event before it answers, even if every worker is busy and Aurora has no PagerDuty credential", async () => {
  aurora.workers.hold();
  expect(await send(incidentEvent("triggered"))).toMatchObject({ status: 200, body: { received: true } });
  expect(aurora.tables.incidents).toMatchObject([{ number: 2, organisation: ACME, status: "investigating" }]);
});

test("the receiver accepts a signature made with any of its secrets, and refuses any other signature", async () => {
  expect(await send(incidentEvent("triggered"), { secret: OLD_SECRET })).toMatchObject({ status: 200 });
  const secret = `whsec_${randomBytes(24).toString("base64")}`;
  expect(await send(incidentEvent("triggered"), { secret })).toMatchObject({
    status: 401,
    body: { code: "invalid_signature" },
  });
});

test.each([-6, 6])("an event whose timestamp is %i minutes from now is refused", async (minutes) => {
  const at = new Date(Date.now() + minutes * 60_000);
  expect(await send(incidentEvent("triggered"), { at })).toMatchObject({ status: 401 });
});

test("an event of a user who left the organisation gets 409, and nothing is stored", async () => {
  aurora.directory.addUser(ADA, "0910be00-0000-4000-8000-000000000002");
  expect(await send(incidentEvent("triggered"))).toMatchObject({
    status: 409,
    body: { code: "user_left_organisation" },
  });
  expect(aurora.tables.events).toHaveLength(0);
});

test("an event without an organisation is stored for the user's current organisation", async () => {
  const options = { aurora: { user_id: ADA, org_id: null } };
  expect(await send(incidentEvent("triggered"), options)).toMatchObject({ status: 200 });
  expect(aurora.tables.incidents).toMatchObject([{ organisation: ACME }]);
});

test("if the user has no organisation, Aurora's task drops the event silently, and the receiver answers 503", async () => {
  aurora.directory.addUser(ADA, null);
  const options = { aurora: { user_id: ADA, org_id: null } };
  expect(await send(incidentEvent("triggered"), options)).toMatchObject({
    status: 503,
    body: { code: "event_not_stored" },
  });
});

test.each([null, "2", 2.5, true, 0])("an incident with the number %j gets 422", async (number) => {
  expect(await send(incidentEvent("triggered", { number }))).toMatchObject({
    status: 422,
    body: { code: "missing_number" },
  });
});

test.each([
  ["event type not monitored", { ...incidentEvent("triggered"), event_type: "incident.reopened" }],
  ["non-incident event", { ...incidentEvent("triggered"), resource_type: "service" }],
  ["no custom field with a value", fieldEvent({ runbook_link: "" })],
])("an event that Aurora's rules skip gets 200 with the reason: %s", async (reason, event) => {
  expect(await send(event)).toMatchObject({ status: 200, body: { reason } });
});

test("two deliveries with the same webhook-id are processed once", async () => {
  const event = incidentEvent("triggered");
  await send(event, { webhookId: "msg_1" });
  expect(await send(event, { webhookId: "msg_1" })).toMatchObject({
    status: 200,
    body: { reason: "already processed" },
  });
  expect(aurora.tables.events).toHaveLength(1);
});

test("an event gets 503 while Redis is unavailable, and is not processed", async () => {
  aurora.receiver.isRedisAway = true;
  expect(await send(incidentEvent("triggered"))).toMatchObject({
    status: 503,
    body: { code: "redis_unavailable" },
  });
  expect(aurora.tables.events).toHaveLength(0);
});

test.each([
  ["before_work", 1],
  ["after_work", 2],
] as const)(
  "a receiver that was killed %s accepts the event again once the event's lock has expired",
  async (killNext, rows) => {
    const event = incidentEvent("triggered");
    aurora.receiver.killNext = killNext;
    await expect(send(event, { webhookId: "msg_1" })).rejects.toThrow();
    expect(await send(event, { webhookId: "msg_1" })).toMatchObject({
      status: 503,
      body: { code: "in_progress" },
    });
    aurora.receiver.expireLocks();
    expect(await send(event, { webhookId: "msg_1" })).toMatchObject({ status: 200 });
    expect(aurora.tables.events).toHaveLength(rows);
    expect(aurora.tables.incidents).toHaveLength(1);
  },
);

test("an event gets 503 if Aurora's task fails, and a later delivery with the same webhook-id is processed", async () => {
  const event = incidentEvent("triggered", { urgency: null });
  expect(await send(event, { webhookId: "msg_1" })).toMatchObject({
    status: 503,
    body: { code: "aurora_failed" },
  });
  const later = await send(incidentEvent("triggered"), { webhookId: "msg_1" });
  expect(later).toMatchObject({ status: 200, body: { received: true } });
});

test("if no receiver runs, /edge/events answers 404 to callers with the internal secret, and 403 to all others", async () => {
  const alone = await startTodaysAurora({ receiver: false });
  try {
    expect(await sendEvent(alone, incidentEvent("triggered"))).toMatchObject({ status: 403 });
    expect(await callAs(alone, ADA, "POST", "/edge/events", {})).toMatchObject({ status: 404 });
  } finally {
    await alone.close();
  }
});
