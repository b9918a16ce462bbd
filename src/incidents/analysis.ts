import type { Analysis, IncidentState, Provenance } from "./incident.ts";

/**
 * When root-cause analysis is asked for: once for each triggered incident, as soon as its runbook arrives or
 * when the wait for one is over. Pure; the clock is an argument.
 */

/** The custom field that holds the runbook's URL. */
export const RUNBOOK_FIELD = "runbook_link";

export function runbookUrlOf(state: IncidentState): string | null {
  const value = Object.hasOwn(state.fields, RUNBOOK_FIELD) ? state.fields[RUNBOOK_FIELD]?.value : null;
  return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
}

const ARRIVED = "Its runbook arrived";
const TRIGGERED_WITHOUT = "It was triggered; no runbook came";

/**
 * The analysis after something was folded in.
 * @param cause why one is owed now, if it is: it was triggered, or found open in a recovery
 */
export function analysisAfter(
  state: IncidentState,
  cause: { kind: "triggered" | "recovered"; provenance: Provenance } | null,
  nowMs: number,
  waitMs: number,
): Analysis {
  const { analysis } = state;
  if (analysis.state === "requested") return analysis;
  const runbook = runbookUrlOf(state);
  if (analysis.state === "waiting") {
    // Also where its time has come and it only waits for its turn.
    return runbook && analysis.reason.startsWith(TRIGGERED_WITHOUT)
      ? { ...analysis, dueAtMs: Math.min(analysis.dueAtMs, nowMs), reason: ARRIVED }
      : analysis;
  }
  // Of an incident that only its fields are known of there is nothing to analyse yet.
  if (cause === null || state.snapshot === null) return analysis;
  const { provenance } = cause;
  // A recovery has read the fields as they are now: there is nothing left to wait for.
  if (cause.kind === "recovered") {
    return { state: "waiting", dueAtMs: nowMs, reason: "It was found open in a recovery", provenance };
  }
  return {
    state: "waiting",
    dueAtMs: runbook ? nowMs : nowMs + waitMs,
    reason: runbook ? "It was triggered, with a runbook" : `${TRIGGERED_WITHOUT} within ${waitMs / 1000} s`,
    provenance,
  };
}
