import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Account, Incident, Subscription } from "../emulator/pagerduty.ts";
import { settled } from "../support/worker.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

/** Root-cause analysis is asked for once for each triggered incident, with its runbook or without. */

const WAIT_MS = 2000;

let world: World;
let serial = 0;
let user: string;
let account: Account;
let subscription: Subscription;

beforeAll(async () => {
  world = await startWorld({ RUNBOOK_WAIT_SECONDS: String(WAIT_MS / 1000) });
});
beforeEach(async () => {
  world.aurora.reset();
  serial += 1;
  user = `user-${serial}`;
  account = world.pagerduty.account();
  subscription = await connectUser(world, user, account);
});
afterAll(() => world.close());

const requestsFor = (incident: Incident) =>
  world.aurora.of(incident.id).filter(({ type }) => type === "incident.rca_requested");
const requested = (incident: Incident) =>
  world.aurora.waitFor("the request", () => requestsFor(incident).length > 0);
const detail = async (incident: Incident) =>
  (await world.worker.call(user, "GET", `/pagerduty/incidents/${incident.id}`)).body;

test("as soon as the runbook arrives; its failure is named and stops nothing", async () => {
  const incident = account.trigger();
  const startedAt = Date.now();
  incident.setField("runbook_link", "http://169.254.169.254/latest/meta-data");
  await requested(incident);
  expect(Date.now() - startedAt).toBeLessThan(WAIT_MS + 1500);
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
      expect.objectContaining({ kind: "rca_requested", text: expect.stringContaining("failed") }),
    ]),
  });
});

test("after the wait when no runbook comes; until then the incident says what it waits for", async () => {
  const incident = account.trigger();
  await subscription.idle();
  await world.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
  expect(requestsFor(incident)).toEqual([]);
  expect(await detail(incident)).toMatchObject({ analysis: { state: "waiting", dueAt: expect.any(String) } });
  await requested(incident);
  expect(requestsFor(incident)[0]?.data).toMatchObject({ runbook: null, incident: { version: 1 } });
});

test("a runbook that comes later goes out as an update", async () => {
  const incident = account.trigger();
  await requested(incident);
  incident.setField("runbook_link", "https://late.example/runbook");
  await world.aurora.waitFor("the update", (aurora) => aurora.of(incident.id).length === 3);
  expect(world.aurora.of(incident.id).at(-1)).toMatchObject({
    type: "incident.custom_fields_updated",
    data: { incident: { customFields: { runbook_link: "https://late.example/runbook" } } },
  });
  expect(requestsFor(incident)).toHaveLength(1);
});

test("also when it is resolved by then, and not again when it is reopened", async () => {
  const incident = account.trigger();
  incident.resolve();
  await requested(incident);
  expect(requestsFor(incident)[0]?.data.incident.status).toBe("resolved");
  incident.reopen();
  await subscription.idle();
  await settled(world.worker, user, 3);
  expect(requestsFor(incident)).toHaveLength(1);
  expect(world.aurora.of(incident.id).at(-1)).toMatchObject({
    type: "incident.updated",
    data: { change: { kind: "reopened", from: "resolved", to: "investigating" } },
  });
});

test("for an incident that is first heard of by another event nobody asks", async () => {
  const incident = account.trigger({ silent: true });
  incident.acknowledge();
  await subscription.idle();
  await settled(world.worker, user, 1);
  expect(requestsFor(incident)).toEqual([]);
  expect(await detail(incident)).toMatchObject({ analysis: { state: "none" } });
});

test("the wait survives a restart", async () => {
  const incident = account.trigger();
  await world.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
  await world.worker.restart();
  await requested(incident);
});

test("an incident whose event has no number goes out with the number that PagerDuty tells", async () => {
  const incident = account.trigger({ omitNumber: true });
  await requested(incident);
  const numbers = world.aurora.of(incident.id).map(({ data }) => data.incident.sourceAlertId);
  expect(new Set(numbers)).toEqual(new Set([String(incident.number)]));
});

test("merges, notes and other changes stand on the timeline", async () => {
  const incident = account.trigger();
  incident.annotate("Restarted the database");
  incident.setPriority("P1");
  incident.resolve({ mergedInto: "PMAIN" });
  await subscription.idle();
  await settled(world.worker, user, 4);
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
