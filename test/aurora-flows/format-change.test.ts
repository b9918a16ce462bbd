import { afterAll, beforeAll, expect, test } from "vitest";
import { type Aurora, startAurora } from "../support/aurora.ts";
import { openBackendStage } from "../support/backend-world.ts";
import { until } from "../support/until.ts";
import { allProcessed, LATENCY, openWebhook, PATIENT_SCHEDULE, sentEvents, tenantOf } from "./story.ts";

/** If AURORA_EVENTS_FORMAT changes, waiting deliveries are sent in the new format. */

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

const requests = () =>
  stage.worker.sql(tenantOf(stage), "SELECT delivery FROM journal WHERE kind = 'analysis'");

const REQUEST = "incident.rca_requested";
const typesOf = (incidentId: string) => notified.of(incidentId).map(({ type }) => type);
const typesWithoutRequest = (incidentId: string) => typesOf(incidentId).filter((type) => type !== REQUEST);

test("after a switch from v3 to notifications, an incident's two waiting deliveries are sent in order", async () => {
  const subscription = await openWebhook(stage);
  stage.aurora.fault = { status: 502, match: (_, path) => path === "/edge/events" };
  const incident = stage.account.trigger(LATENCY);
  incident.acknowledge();
  await subscription.idle();
  await until("a refused event", () => sentEvents(stage).some(({ status }) => status === 502));
  await useNotifications();
  await allProcessed(stage, 2);
  expect(typesWithoutRequest(incident.id)).toEqual(["incident.triggered", "incident.acknowledged"]);
  incident.resolve();
  await allProcessed(stage, 3);
  expect(notified.of(incident.id).at(-1)).toMatchObject({ type: "incident.resolved" });
  expect(typesOf(incident.id).filter((type) => type === REQUEST)).toEqual([REQUEST]);
});

test("if Aurora accepted only an incident's first v3 event, a switch to notifications sends the whole incident and requests its analysis", async () => {
  await useV3();
  const subscription = await openWebhook(stage);
  let calls = 0;
  const isSecond = (_: string, path: string) => path === "/edge/events" && ++calls > 1;
  stage.aurora.fault = { status: 503, match: isSecond };
  const incident = stage.account.trigger({ ...LATENCY, customFields: { team: "payments" }, silent: true });
  await stage.call("POST", "/reconcile");
  await until("a refused second event", () => sentEvents(stage).some(({ status }) => status === 503));
  await until("the request for analysis", async () => (await requests()).length === 1);
  expect(await requests()).toEqual([{ delivery: null }]);
  await useNotifications();
  await allProcessed(stage, 0);
  expect(typesOf(incident.id)).toEqual(["incident.triggered", REQUEST]);
  expect(notified.of(incident.id)[0]?.data.incident).toMatchObject({
    version: 1,
    customFields: { team: "payments" },
  });
  incident.acknowledge();
  await subscription.idle();
  await allProcessed(stage, 1);
  expect(typesOf(incident.id)).toEqual(["incident.triggered", REQUEST, "incident.acknowledged"]);
});

test("if Aurora accepted only an incident's first v3 event, a switch to another receiver of v3 events sends both events", async () => {
  await useV3();
  await openWebhook(stage);
  let calls = 0;
  const isSecond = (_: string, path: string) => path === "/edge/events" && ++calls > 1;
  stage.aurora.fault = { status: 503, match: isSecond };
  stage.account.trigger({ ...LATENCY, customFields: { team: "payments" }, silent: true });
  await stage.call("POST", "/reconcile");
  await until("a refused second event", () => sentEvents(stage).some(({ status }) => status === 503));
  const before = notified.attempts.length;
  await stage.worker.restart({
    AURORA_EVENTS_URL: notified.ownRouteUrl,
    AURORA_EVENTS_SECRET: notified.secret,
  });
  await allProcessed(stage, 0);
  const sent = notified.attempts.slice(before).map(({ raw }) => JSON.parse(new TextDecoder().decode(raw)));
  expect(sent.map(({ event }) => event.event_type)).toEqual([
    "incident.triggered",
    "incident.custom_field_values.updated",
  ]);
});

test("after a switch from notifications to v3, a waiting request for analysis does not block later deliveries", async () => {
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
