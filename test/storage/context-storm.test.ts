import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { ContextCollector } from "../../src/analysis/context.ts";
import type { Verification } from "../../src/incidents/incident.ts";
import { loadContext } from "../../src/storage/contexts.ts";
import { apply } from "../../src/storage/record.ts";
import { JobRunner } from "../../src/tenant/job-runner.ts";
import { AnalysisJobs, allOf, contextJobs } from "../../src/tenant/jobs.ts";
import { configWith, connectedContext } from "./connected-context.ts";

/** If hundreds of incidents start at once, requests for context use only a part of PagerDuty's rate limit. */

const STORM = 300;
/** One in ten incidents is critical, and the critical incidents arrive last. */
const CRITICAL = STORM / 10;

afterEach(() => void vi.unstubAllGlobals());

const idOf = (index: number) => `P${index}`;
const isCritical = (index: number) => index >= STORM - CRITICAL;

function triggered(index: number) {
  const at = `2026-11-22T03:00:00Z`;
  const verification: Verification = "signature";
  return {
    incidentId: idOf(index),
    observation: {
      kind: "incident" as const,
      stamp: { atMs: Date.parse(at), id: `E${index}` },
      number: index + 1,
      snapshot: {
        title: "Storm",
        service: { id: null, name: "API" },
        urgency: "high",
        priority: isCritical(index) ? "P1" : "P4",
        severity: isCritical(index) ? ("critical" as const) : ("low" as const),
        pagerdutyStatus: "triggered",
        url: null,
        incidentKey: null,
        assignees: [],
        teams: [],
        escalationPolicy: null,
        createdAt: at,
      },
      resolves: false,
      description: null,
      resolvedAt: null,
    },
    kind: "webhook" as const,
    type: "incident.triggered",
    notificationType: () => "incident.triggered" as const,
    occurredAt: at,
    provenance: { webhookId: `W${index}`, eventId: `E${index}`, verification },
    analysisCause: () => "triggered" as const,
    line: null,
    alwaysRecorded: true,
    record: { receivedAtMs: Date.parse(at), webhookId: `W${index}` },
  };
}

test("all 300 simultaneous incidents are analysed, the critical ones first, with at most 320 calls for their contexts", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    const name = url.includes("/alerts") ? "alerts" : url.includes("change") ? "change_events" : null;
    const part = /\/(past_incidents|related_incidents|notes)/.exec(url)?.[1];
    return Response.json({ [name ?? part ?? ""]: [] });
  });
  await runInDurableObject(env.TENANT.getByName("user:storm"), async (_, { storage }) => {
    const config = configWith({ CONTEXT_WAIT_SECONDS: "600" });
    const context = await connectedContext(storage, env.CONNECTIONS, "storm", config);
    const analysis = { ...context, contexts: new ContextCollector(context) };
    const indexes = Array.from({ length: STORM }, (_, index) => index);
    for (const index of indexes) apply(context, triggered(index), Date.now());
    const runner = new JobRunner(allOf([contextJobs(analysis), new AnalysisJobs(analysis)]));
    while ((await runner.run()) !== null);

    expect(asked.length).toBeLessThanOrEqual(320);
    const alerts = asked.flatMap((url) => /incidents\/(P\d+)\/alerts/.exec(url)?.[1] ?? []);
    expect(new Set(alerts).size).toBe(STORM);
    const critical = indexes.filter(isCritical).map(idOf);
    expect(new Set(alerts.slice(0, CRITICAL))).toEqual(new Set(critical));
    const reasons = indexes.flatMap((index) => loadContext(storage.sql, idOf(index))?.missing ?? []);
    expect(new Set(reasons.map(({ reason }) => reason))).toEqual(new Set(["rate_limited"]));
    const [row] = storage.sql.exec(
      "SELECT count(*) AS n FROM journal WHERE type = 'incident.rca_requested' AND delivery IS NOT NULL",
    );
    expect(row?.["n"]).toBe(STORM);
  });
});
