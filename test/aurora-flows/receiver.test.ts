import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { openBackendStage } from "../support/backend-world.ts";
import { nextSecond, until } from "../support/until.ts";
import { testSharedCells } from "./shared-cells.ts";
import {
  allProcessed,
  LATENCY,
  openWebhook,
  openWebhookWithEuKey,
  openWebhookWithOAuth,
  PATIENT_SCHEDULE,
  problem,
  problemsOf,
  sentEvents,
} from "./story.ts";

/** Tests today's Aurora together with the receiver of this project, set up as aurora/README.md describes. */

const stage = openBackendStage((aurora) => ({
  AURORA_EVENTS_URL: aurora.eventsUrl,
  AURORA_EVENTS_SECRET: aurora.eventsSecret,
  DELIVERY_SCHEDULE: PATIENT_SCHEDULE,
}));

testSharedCells(stage);

const isEvent = (_: string, path: string) => path === "/edge/events";

test("the custom fields of a recovered incident are in the incident's row", async () => {
  await openWebhook(stage);
  await stage.call("POST", "/reconcile");
  await nextSecond();
  const customFields = { team: "payments" };
  stage.account.trigger({ ...LATENCY, customFields, silent: true });
  await stage.call("POST", "/reconcile");
  await allProcessed(stage, 0);
  expect(stage.aurora.tables).toMatchObject({ incidents: [{ metadata: { customFields } }], drops: [] });
});

test("with an EU key incidents arrive in Aurora, even though Aurora cannot use the key", async () => {
  await openWebhookWithEuKey(stage);
  const incident = stage.account.trigger(LATENCY);
  await allProcessed(stage, 1);
  expect(stage.aurora.directory.credentials).toEqual([]);
  expect(stage.aurora.tables.incidents).toMatchObject([{ number: incident.number, severity: "critical" }]);
  expect(await problemsOf(stage)).toEqual([]);
});

test("with OAuth incidents arrive in Aurora, even though Aurora cannot use the sign-in", async () => {
  await openWebhookWithOAuth(stage);
  const incident = stage.account.trigger(LATENCY);
  await allProcessed(stage, 1);
  expect(stage.aurora.directory.credentials).toEqual([]);
  expect(stage.aurora.tables.incidents).toMatchObject([{ number: incident.number, severity: "critical" }]);
  expect(await problemsOf(stage)).toEqual([]);
});

test("after an outage the backlog is processed in order, so every incident ends in PagerDuty's state", async () => {
  await openWebhook(stage);
  stage.aurora.fault = { status: 502, match: isEvent };
  const incidents = ["API", "Database", "Queue"].map((title) => stage.account.trigger({ title }));
  const [reopened, resolved, acknowledged] = incidents;
  reopened?.resolve();
  resolved?.acknowledge();
  acknowledged?.acknowledge();
  reopened?.reopen();
  resolved?.resolve();
  await until(
    "each first event to be refused",
    () => new Set(sentEvents(stage).map(({ event }) => event.id)).size === 3,
  );
  stage.aurora.fault = null;
  await allProcessed(stage, 8);
  const statuses = incidents.map(({ number }) =>
    stage.aurora.tables.incident(stage.editor, stage.organisation, number),
  );
  expect(statuses.map((row) => row?.status)).toEqual(["investigating", "resolved", "investigating"]);
  expect(stage.aurora.tables.events).toHaveLength(8);
});

test("a delivery that is repeated because its answer was lost is processed once", async () => {
  await openWebhook(stage);
  stage.aurora.fault = { hold: Promise.resolve(), reset: true, times: 1, match: isEvent };
  stage.account.trigger(LATENCY);
  await allProcessed(stage, 1);
  expect(sentEvents(stage).map(({ status }) => status)).toEqual(["reset", 200]);
  expect(new Set(sentEvents(stage).map(({ webhookId }) => webhookId)).size).toBe(1);
  expect(stage.aurora.tables).toMatchObject({ events: [{}], incidents: [{}], summaries: [{}] });
});

test("an incident keeps the user of its first notification even if another member of the organisation connects", async () => {
  await openWebhook(stage);
  const incident = stage.account.trigger(LATENCY);
  await allProcessed(stage, 1);
  const other = randomUUID();
  stage.aurora.directory.addUser(other, stage.organisation, "admin");
  await stage.call("POST", "", { token: stage.account.apiKey() }, { user: other });
  incident.resolve();
  // Deliveries of different incidents have no order, and Aurora adds alerts of a service to its open incident.
  await allProcessed(stage, 2);
  const later = stage.account.trigger({ title: "Disk full" });
  await allProcessed(stage, 3);
  expect(stage.aurora.tables.incidents).toMatchObject([
    { userId: stage.editor, number: incident.number, status: "resolved" },
    { userId: other, number: later.number },
  ]);
});

test("the sixth incident in five minutes is in Aurora, and the status says that Aurora does not analyse it", async () => {
  await openWebhook(stage);
  for (let index = 0; index < 6; index += 1) stage.account.trigger({ title: `Incident ${index}` });
  await allProcessed(stage, 6);
  expect(await problem(stage, "analysis_limit")).toContain("did not analyse 1 incident ");
});
