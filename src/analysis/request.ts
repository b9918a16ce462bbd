import type { TenantContext } from "../connection/tenant-context.ts";
import { runbookUrlOf } from "../incidents/analysis.ts";
import { view } from "../incidents/fold.ts";
import { log } from "../log.ts";
import { loadIncident } from "../storage/incidents.ts";
import { recordAnalysisRequest } from "../storage/record.ts";
import type { ContextCollector } from "./context.ts";
import { fetchRunbook, type Runbook } from "./runbook.ts";

export interface AnalysisContext extends TenantContext {
  contexts: ContextCollector;
}

/**
 * Whether the request for analysis contains the incident's context. In format `v3`, `incident.triggered` contains the
 * context instead.
 */
export const requestCarriesContext = ({ config }: TenantContext): boolean =>
  config.contextWaitMs > 0 && config.events?.format !== "v3";

/** Fetches the incident's runbook. Then asks Aurora for a root-cause analysis if the incident still waits for one. */
export async function requestAnalysis(context: AnalysisContext, incidentId: string): Promise<void> {
  const { sql, storage, store, contexts } = context;
  const isCurrent = store.whileConnectedAsNow();
  const url = runbookUrlOf(loadIncident(sql, incidentId));
  const runbook = url ? await fetchRunbook(url) : null;
  if (!isCurrent()) return;
  if (requestCarriesContext(context)) contexts.leaveOut(incidentId);
  // One transaction marks the analysis as requested and stores the request, so the request cannot be lost.
  const reason = storage.transactionSync(() => storeRequest(context, incidentId, runbook, Date.now()));
  if (reason === null) return;
  log.info("analysis.requested", {
    userId: store.connection?.userId,
    incidentId,
    reason,
    runbook: runbook ? (runbook.error ?? "fetched") : "none",
  });
}

/** @returns why the analysis is requested; null if the incident no longer waits for an analysis */
function storeRequest(
  context: TenantContext,
  incidentId: string,
  runbook: Runbook | null,
  nowMs: number,
): string | null {
  const { sql } = context;
  // The state is read again, because the incident may have changed while the runbook was fetched.
  const state = loadIncident(sql, incidentId);
  const { analysis } = state;
  const incident = view(state);
  if (analysis.state !== "waiting" || !incident) return null;
  const { reason, provenance } = analysis;
  const requested = { state: "requested", atMs: nowMs, reason, runbookUrl: runbook?.url ?? null } as const;
  const timestamp = new Date(nowMs).toISOString();
  recordAnalysisRequest(
    context,
    state,
    { ...state, analysis: requested },
    {
      kind: "analysis",
      type: "incident.rca_requested",
      receivedAtMs: nowMs,
      outcome: "applied",
      incidentId,
      occurredAt: timestamp,
      verification: provenance.verification,
      reason,
      timelineLine: { kind: "rca_requested", from: null, to: null, text: `${reason}. ${textOf(runbook)}` },
      notification: {
        type: "incident.rca_requested",
        timestamp,
        incident,
        change: { kind: "rca_requested", from: null, to: incident.status },
        provenance,
        runbook,
      },
    },
    nowMs,
  );
  return reason;
}

function textOf(runbook: Runbook | null): string {
  if (!runbook) return "Requested without a runbook";
  return runbook.error === null
    ? `Requested with the runbook ${runbook.url}`
    : `The runbook ${runbook.url} could not be read. ${runbook.error}`;
}
