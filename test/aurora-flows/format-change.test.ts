import { afterAll, beforeAll, expect, test } from "vitest";
import { type Aurora, startAurora } from "../support/aurora.ts";
import { openBackendStage } from "../support/backend-world.ts";
import { until } from "../support/until.ts";
import { allProcessed, LATENCY, openWebhook, PATIENT_SCHEDULE, sentEvents, tenantOf } from "./story.ts";

/** Deliveries that wait while AURORA_EVENTS_FORMAT is changed are sent in the new format. */

let notified: Aurora;
beforeAll(async () => {
  notified = await startAurora();
});
afterAll(() => notified.close());

const stage = openBackendStage((aurora) => ({
  AURORA_EVENTS_URL: aurora.eventsUrl,
  AURORA_EVENTS_SECRET: aurora.eventsSecret,
  DELIVERY_SCHEDULE: PATIENT_SCHEDULE,
}));

const useV3 = () =>
  stage.worker.restart({
    AURORA_EVENTS_FORMAT: "v3",
    AURORA_EVENTS_URL: stage.aurora.eventsUrl,
    AURORA_EVENTS_SECRET: stage.aurora.eventsSecret,
  });
const useNotifications = () =>
  stage.worker.restart({
    AURORA_EVENTS_FORMAT: "notifications",
    AURORA_EVENTS_URL: notified.url,
    AURORA_EVENTS_SECRET: notified.secret,
  });

test("from v3 to notifications: both changes of the incident, in order", async () => {
  const subscription = await openWebhook(stage);
  stage.aurora.fault = { status: 502, match: (_, path) => path === "/edge/events" };
  const incident = stage.account.trigger(LATENCY);
  incident.acknowledge();
  await subscription.idle();
  await until("a refused event", () => sentEvents(stage).some(({ status }) => status === 502));
  await useNotifications();
  await allProcessed(stage, 2);
  expect(notified.of(incident.id).map(({ type }) => type)).toEqual([
    "incident.triggered",
    "incident.acknowledged",
  ]);
  incident.resolve();
  await allProcessed(stage, 3);
  expect(notified.of(incident.id).at(-1)).toMatchObject({ type: "incident.resolved" });
});

test("from notifications to v3: a request for analysis, which v3 does not have, does not block the deliveries after it", async () => {
  await useNotifications();
  const subscription = await openWebhook(stage);
  notified.answer = () => ({ status: 503 });
  const before = notified.attempts.length;
  const incident = stage.account.trigger(LATENCY);
  await until("a refused notification", () => notified.attempts.length > before);
  incident.acknowledge();
  await subscription.idle();
  await useV3();
  await allProcessed(stage, 2);
  const query = "SELECT delivery, last_status AS status FROM journal WHERE kind = 'analysis'";
  expect(await stage.worker.sql(tenantOf(stage), query)).toEqual([{ delivery: "delivered", status: null }]);
  const types = sentEvents(stage).map(({ event }) => event.event_type);
  expect(types).toEqual(["incident.triggered", "incident.acknowledged"]);
  expect(stage.aurora.tables.incidents).toMatchObject([{ number: incident.number, severity: "critical" }]);
  incident.resolve();
  await allProcessed(stage, 3);
  expect(stage.aurora.tables.incidents).toMatchObject([{ status: "resolved" }]);
});
