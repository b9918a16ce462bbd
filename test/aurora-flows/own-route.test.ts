import { expect, test } from "vitest";
import { openBackendStage } from "../support/backend-world.ts";
import { until } from "../support/until.ts";
import { testSharedCells } from "./shared-cells.ts";
import {
  allProcessed,
  LATENCY,
  openWebhook,
  openWebhookWithEuKey,
  openWebhookWithOAuth,
  problem,
  sentEvents,
  tenantOf,
} from "./story.ts";

/**
 * Tests today's Aurora without the receiver: the connector sends events to Aurora's own webhook route, and API keys to
 * Aurora's connection API.
 */

const stage = openBackendStage(() => ({ DELIVERY_SCHEDULE: "0,0.2,0.2,0.2,7200" }));

testSharedCells(stage);

const refused = () =>
  until("a refused delivery", async () => {
    const rows = await stage.worker.sql(
      tenantOf(stage),
      "SELECT attempts FROM journal WHERE delivery = 'pending'",
    );
    return rows.some(({ attempts }) => Number(attempts) > 0);
  });

test("with an EU key no incident arrives in Aurora, and the status says that Aurora cannot use the key", async () => {
  await openWebhookWithEuKey(stage);
  stage.account.trigger(LATENCY);
  await refused();
  expect(stage.aurora.tables).toMatchObject({ events: [], incidents: [] });
  expect(await problem(stage, "aurora_cannot_know")).toContain("US region");
});

test("with OAuth no incident arrives in Aurora, and the status says that Aurora cannot use the sign-in", async () => {
  await openWebhookWithOAuth(stage);
  stage.account.trigger(LATENCY);
  await refused();
  expect(stage.aurora.tables).toMatchObject({ events: [], incidents: [] });
  expect(await problem(stage, "aurora_cannot_know")).toContain("OAuth");
});

test("after a backlog Aurora accepts an incident's events in order, but processes them in parallel, so the resolved incident stays open", async () => {
  await openWebhook(stage);
  stage.aurora.workers.hold();
  const incident = stage.account.trigger(LATENCY);
  incident.acknowledge();
  incident.resolve();
  await until("all events to be accepted", () => sentEvents(stage).length === 3);
  expect(sentEvents(stage).map(({ event }) => event.event_type)).toEqual([
    "incident.triggered",
    "incident.acknowledged",
    "incident.resolved",
  ]);
  stage.aurora.workers.release();
  await allProcessed(stage, 3);
  expect(stage.aurora.tables.incidents).toMatchObject([{ status: "investigating" }]);
});

test("if the answer to a delivery is lost, Aurora also stores the repeated event, and counts it as another alert of the incident", async () => {
  await openWebhook(stage);
  // The fault is limited to this test's user, because deliveries of earlier tests may still be retried.
  const isOfEditor = (_: string, path: string) => path === `/pagerduty/webhook/${stage.editor}`;
  stage.aurora.fault = { hold: Promise.resolve(), reset: true, times: 1, match: isOfEditor };
  stage.account.trigger(LATENCY);
  await allProcessed(stage, 1);
  expect(sentEvents(stage).map(({ status }) => status)).toEqual(["reset", 200]);
  // The simulated Aurora has a graph database, so the repeated event becomes an alert instead of a second summary.
  expect(stage.aurora.tables).toMatchObject({
    events: [{}, {}],
    incidents: [{ correlatedAlerts: 1 }],
    drops: [{ reason: "correlated" }],
  });
});

test("custom fields that are sent directly after their incident are in the analysis, but may be missing in the incident's row", async () => {
  await openWebhook(stage);
  stage.aurora.workers.hold();
  stage.account.trigger(LATENCY).setField("team", "payments");
  await until("both events to be accepted", () => sentEvents(stage).length === 2);
  stage.aurora.workers.release();
  await allProcessed(stage, 2);
  await stage.aurora.runWaiting();
  expect(stage.aurora.tables).toMatchObject({
    drops: [{ reason: "unknown_incident" }],
    prompts: [{ text: expect.stringContaining('"team": "payments"') }],
  });
});
