import { beforeEach, expect, test } from "vitest";
import type { Incident, Subscription } from "../emulator/pagerduty.ts";
import { slowness } from "../support/patience.ts";
import { openStage } from "../support/stage.ts";
import { startWorld } from "../support/world.ts";

/** Root-cause analysis is requested once for each triggered incident, with or without a runbook. */

/** Long enough for a `runbook_link` that is set right after the trigger. */
const WAIT_SECONDS = Math.ceil(2 * slowness());

let subscription: Subscription;

const stage = openStage(() => startWorld({ RUNBOOK_WAIT_SECONDS: String(WAIT_SECONDS) }));
beforeEach(async () => {
  subscription = await stage.connect();
});

const requestsFor = (incident: Incident) =>
  stage.aurora.of(incident.id).filter(({ type }) => type === "incident.rca_requested");
const requested = (incident: Incident) =>
  stage.aurora.waitFor("the request for analysis", () => requestsFor(incident).length > 0);
const detail = async (incident: Incident) => (await stage.call("GET", `/incidents/${incident.id}`)).body;

test("analysis is requested as soon as the runbook's URL arrives, even if the runbook cannot be fetched", async () => {
  const incident = stage.account.trigger();
  incident.setField("runbook_link", "http://169.254.169.254/latest/meta-data");
  await requested(incident);
  expect(requestsFor(incident)).toMatchObject([
    {
      data: {
        change: { kind: "rca_requested", from: null, to: "investigating" },
        incident: { version: 2 },
        runbook: {
          url: "http://169.254.169.254/latest/meta-data",
          content: null,
          error: expect.stringContaining("not public"),
        },
      },
    },
  ]);
  expect(await detail(incident)).toMatchObject({
    analysis: { state: "requested", reason: expect.stringContaining("runbook arrived") },
    timeline: expect.arrayContaining([
      expect.objectContaining({ kind: "created" }),
      expect.objectContaining({ kind: "rca_requested", text: expect.stringContaining("could not be read") }),
    ]),
  });
});

test("without a runbook, the analysis is shown as waiting, and is requested at the end of the wait", async () => {
  const incident = stage.account.trigger();
  await subscription.idle();
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
  expect(requestsFor(incident)).toEqual([]);
  expect(await detail(incident)).toMatchObject({ analysis: { state: "waiting", dueAt: expect.any(String) } });
  await requested(incident);
  expect(requestsFor(incident)[0]?.data).toMatchObject({ runbook: null, incident: { version: 1 } });
});

test("a runbook's URL that arrives after the request for analysis is sent as an update", async () => {
  const incident = stage.account.trigger();
  await requested(incident);
  incident.setField("runbook_link", "https://late.example/runbook");
  await stage.aurora.waitFor("the update", (aurora) => aurora.of(incident.id).length === 3);
  expect(stage.aurora.of(incident.id).at(-1)).toMatchObject({
    type: "incident.custom_fields_updated",
    data: { incident: { customFields: { runbook_link: "https://late.example/runbook" } } },
  });
  expect(requestsFor(incident)).toHaveLength(1);
});

test("analysis is requested for an incident that is resolved during the wait, and not again when the incident is reopened", async () => {
  const incident = stage.account.trigger();
  incident.resolve();
  await requested(incident);
  expect(requestsFor(incident)[0]?.data.incident.status).toBe("resolved");
  incident.reopen();
  await subscription.idle();
  await stage.settled(3);
  expect(requestsFor(incident)).toHaveLength(1);
  expect(stage.aurora.of(incident.id).at(-1)).toMatchObject({
    type: "incident.updated",
    data: { change: { kind: "reopened", from: "resolved", to: "investigating" } },
  });
});

test("no analysis is requested for an incident whose first event is not a trigger", async () => {
  const incident = stage.account.trigger({ silent: true });
  incident.acknowledge();
  await subscription.idle();
  await stage.settled(1);
  expect(requestsFor(incident)).toEqual([]);
  expect(await detail(incident)).toMatchObject({ analysis: { state: "none" } });
});

test("the wait for a runbook survives a restart", async () => {
  const incident = stage.account.trigger();
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
  await stage.worker.restart();
  await requested(incident);
});

test("an incident whose event has no number is sent with its number from PagerDuty's API", async () => {
  const incident = stage.account.trigger({ omitNumber: true });
  await requested(incident);
  const numbers = stage.aurora.of(incident.id).map(({ data }) => data.incident.sourceAlertId);
  expect(new Set(numbers)).toEqual(new Set([String(incident.number)]));
});

test("the timeline shows merges, notes and other changes", async () => {
  const incident = stage.account.trigger();
  incident.annotate("Restarted the database");
  incident.setPriority("P1");
  incident.resolve({ mergedInto: "PMAIN" });
  await subscription.idle();
  await stage.settled(4);
  expect(await detail(incident)).toMatchObject({
    status: "resolved",
    timeline: expect.arrayContaining([
      expect.objectContaining({ kind: "incident.annotated", text: "Restarted the database" }),
      expect.objectContaining({ kind: "incident.priority_updated", text: "P1" }),
      expect.objectContaining({ kind: "resolved", text: "Merged into PMAIN" }),
    ]),
    events: expect.arrayContaining([
      expect.objectContaining({ type: "incident.resolved", outcome: "applied" }),
    ]),
  });
});
