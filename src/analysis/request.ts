import type { TenantContext } from "../connection/tenant-context.ts";
import { runbookUrlOf } from "../incidents/analysis.ts";
import { view } from "../incidents/fold.ts";
import { log } from "../log.ts";
import { loadIncident, saveIncident } from "../storage/incidents.ts";
import { appendEntry } from "../storage/journal.ts";
import { firstAttemptAtMs } from "../storage/record.ts";
import { fetchRunbook, type Runbook } from "./runbook.ts";

/** Asks Aurora for the root-cause analysis of one incident whose wait is over, once. */
export async function requestAnalysis(context: TenantContext, incidentId: string): Promise<void> {
  const { sql, config, store } = context;
  const connectionId = store.connection?.connectionId;
  const url = runbookUrlOf(loadIncident(sql, incidentId));
  const runbook = url ? await fetchRunbook(url) : null;
  if (store.connection?.connectionId !== connectionId) return;

  // Read again: while the runbook was fetched the incident went on.
  const state = loadIncident(sql, incidentId);
  const { analysis } = state;
  const incident = view(state);
  if (analysis.state !== "waiting" || !incident) return;
  const nowMs = Date.now();
  const { reason, provenance } = analysis;
  saveIncident(
    sql,
    state,
    { ...state, analysis: { state: "requested", atMs: nowMs, reason, runbookUrl: runbook?.url ?? null } },
    nowMs,
  );
  const timestamp = new Date(nowMs).toISOString();
  const relays = config.events?.format === "v3";
  appendEntry(
    sql,
    {
      kind: "analysis",
      type: "incident.rca_requested",
      receivedAtMs: nowMs,
      outcome: "applied",
      incidentId,
      occurredAt: timestamp,
      verification: provenance.verification,
      reason,
      entry: { kind: "rca_requested", from: null, to: null, text: `${reason}. ${textOf(runbook)}` },
      notification: {
        messageId: `msg_${crypto.randomUUID()}`,
        type: "incident.rca_requested",
        timestamp,
        incident,
        change: { kind: "rca_requested", from: null, to: incident.status },
        provenance,
        runbook,
      },
    },
    relays ? null : firstAttemptAtMs(config, nowMs),
  );
  log.info("analysis.requested", {
    userId: store.connection?.userId,
    incidentId,
    reason,
    runbook: runbook ? (runbook.error ?? "fetched") : "none",
  });
}

function textOf(runbook: Runbook | null): string {
  if (!runbook) return "Without a runbook";
  return runbook.error === null
    ? `With the runbook ${runbook.url}`
    : `The runbook ${runbook.url} failed: ${runbook.error}`;
}
