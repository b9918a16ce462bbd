import { beforeEach, expect, test } from "vitest";
import type { FaultPlan, Incident, Subscription } from "../emulator/pagerduty.ts";
import { NEVER } from "../emulator/pagerduty.ts";
import { slowness } from "../support/patience.ts";
import { openStage } from "../support/stage.ts";
import { startWorld } from "../support/world.ts";

/**
 * The request for analysis contains the incident's context from PagerDuty. The request waits for the context, but only
 * for a limited time.
 */

const WAIT_SECONDS = Math.ceil(slowness());

const stage = openStage(() => startWorld({ CONTEXT_WAIT_SECONDS: String(WAIT_SECONDS) }));
let subscription: Subscription;
beforeEach(async () => {
  subscription = await stage.connect();
  stage.pagerduty.clearRequests();
});

const CALLS = {
  alerts: "/alerts?",
  changes: "/related_change_events",
  pastIncidents: "/past_incidents",
  relatedIncidents: "/related_incidents",
  notes: "/notes",
};
type Part = keyof typeof CALLS;

const KNOWLEDGE = {
  alerts: [
    {
      id: "PA1",
      summary: "CPU is high",
      severity: "critical" as const,
      createdAt: "2026-11-22T03:00:00Z",
      details: { host: "db-1", api_key: "s3cret", cpu: 99 },
      links: [{ href: "https://grafana.example.com/d/1", text: "Graph" }],
    },
  ],
  changes: [
    { summary: "Deployed", timestamp: "2026-11-22T02:00:00Z", reason: "most_recent" as const, details: {} },
  ],
  past: [{ id: "PP1", title: "CPU was high", createdAt: "2026-10-01T00:00:00Z", score: 46.8 }],
  related: [{ id: "PR1", title: "Queue is long", createdAt: "2026-11-22T02:59:00Z" }],
};
const trigger = () => stage.account.trigger({ knowledge: KNOWLEDGE });
const asked = (part: Part) =>
  stage.pagerduty.requests.filter(({ path }) => path.includes(CALLS[part])).length;

async function contextOf(incident: Incident) {
  const request = () => stage.aurora.of(incident.id).find(({ type }) => type === "incident.rca_requested");
  await stage.aurora.waitFor("the request for analysis", () => request() !== undefined);
  const context = request()?.data.context;
  if (!context) throw new Error("The request has no context");
  return context;
}

test("the request for analysis and the API's answer contain alerts, changes, similar incidents and notes, without secrets", async () => {
  const incident = trigger();
  const context = await contextOf(incident);
  expect(context).toEqual({
    alerts: [
      expect.objectContaining({
        id: "PA1",
        summary: "CPU is high",
        details: { host: "db-1", api_key: "[redacted]", cpu: 99 },
        links: [{ href: "https://grafana.example.com/d/1", text: "Graph" }],
      }),
    ],
    changes: [expect.objectContaining({ summary: "Deployed", reason: "most_recent" })],
    pastIncidents: [
      expect.objectContaining({
        incidentId: "PP1",
        score: 46.8,
        url: `https://${stage.account.subdomain}.pagerduty.com/incidents/PP1`,
      }),
    ],
    relatedIncidents: [expect.objectContaining({ incidentId: "PR1", title: "Queue is long" })],
    notes: [],
    missing: [],
  });
  const page = await stage.call("GET", `/incidents/${incident.id}`);
  expect(page.body).toMatchObject({ context });
  expect(page.text).not.toContain("s3cret");
  expect(Object.keys(CALLS).map((part) => asked(part as Part))).toEqual([1, 1, 1, 1, 1]);
});

const HUGE = `{"alerts": [${`{"id": "P", "summary": "${"x".repeat(1000)}"},`.repeat(9000)}{}]}`;
const FAULTS: Record<string, Omit<FaultPlan, "match">> = {
  forbidden: { status: 403 },
  not_found: { status: 404 },
  rate_limited: { status: 429, headers: { "ratelimit-reset": "1" } },
  timed_out: { hang: NEVER },
  too_large: { body: HUGE },
  unavailable: { reset: true },
};

test.each(Object.entries(FAULTS))(
  "if the alerts are %s, they are null with this reason; the other parts of the context are present, except after a rate limit",
  async (reason, fault) => {
    stage.pagerduty.faults.api = { ...fault, match: (_, path) => path.includes(CALLS.alerts) };
    const context = await contextOf(trigger());
    expect(context.alerts).toBeNull();
    expect(context.missing).toContainEqual({ part: "alerts", reason });
    // After a 429 the connector stops calling PagerDuty for a while, so other parts of the context may be missing too.
    if (reason !== "rate_limited") {
      expect(context).toMatchObject({ changes: [{}], pastIncidents: [{}], relatedIncidents: [{}] });
    }
  },
);

test("a part of the context that the account's plan lacks is not requested again for a later incident", async () => {
  stage.pagerduty.faults.api = { status: 402, match: (_, path) => path.includes(CALLS.pastIncidents) };
  for (let count = 0; count < 2; count++) {
    expect((await contextOf(trigger())).missing).toEqual([{ part: "pastIncidents", reason: "not_in_plan" }]);
  }
  expect([asked("pastIncidents"), asked("alerts")]).toEqual([1, 2]);
});

test("if PagerDuty does not answer at all, the request for analysis is still sent, and names every part as timed out", async () => {
  stage.pagerduty.faults.api = { hang: NEVER };
  const { missing } = await contextOf(trigger());
  expect(missing.map(({ reason }) => reason)).toEqual(Array(5).fill("timed_out"));
});

test("a truncated answer from PagerDuty is not used", async () => {
  stage.pagerduty.faults.api = { cut: true, match: (_, path) => path.includes(CALLS.alerts) };
  const { alerts, missing } = await contextOf(trigger());
  expect([alerts, missing]).toMatchObject([null, [{ part: "alerts" }]]);
});

test("at most two calls to PagerDuty are in progress at the same time, and the first is for alerts", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  stage.pagerduty.faults.api = { hang: promise };
  const incident = trigger();
  await subscription.idle();
  await expect.poll(() => stage.pagerduty.requests.length).toBe(2);
  expect(stage.pagerduty.requests[0]?.path).toContain("/alerts");
  stage.pagerduty.faults.api = null;
  resolve();
  await contextOf(incident);
});

test("an object that restarts while it collects the context requests the analysis only once", async () => {
  stage.pagerduty.faults.api = { hang: NEVER };
  const incident = trigger();
  await expect.poll(() => stage.pagerduty.requests.length).toBeGreaterThan(0);
  stage.pagerduty.faults.api = null;
  await stage.worker.restart();
  await contextOf(incident);
  await stage.settled(1);
  expect(stage.aurora.of(incident.id).map(({ type }) => type)).toEqual([
    "incident.triggered",
    "incident.rca_requested",
  ]);
});
