import type { Analysis, AnalysisCause, FieldValue, IncidentState, Provenance } from "./incident.ts";

/**
 * Decides when to request root-cause analysis: once for each incident, as soon as its runbook arrives or the wait
 * for the runbook is over. Pure: the clock is an argument.
 */

/** The custom field that holds the runbook's URL. */
export const RUNBOOK_FIELD = "runbook_link";

const isWebUrl = (text: string) => /^https?:$/.test(URL.parse(text)?.protocol ?? "");

/** Returns the runbook field's first http(s) URL; without a URL, its first text; without text, null. */
export function runbookUrlIn(value: FieldValue | undefined): string | null {
  const texts = [value ?? null].flat().flatMap((item) => (typeof item === "string" ? [item.trim()] : []));
  return texts.find(isWebUrl) ?? texts.find((text) => text !== "") ?? null;
}

export function runbookUrlOf(state: IncidentState): string | null {
  return Object.hasOwn(state.fields, RUNBOOK_FIELD) ? runbookUrlIn(state.fields[RUNBOOK_FIELD]?.value) : null;
}

/**
 * Returns the state of the analysis after an observation was folded in.
 * @param cause why the incident needs analysis after this observation; null if the observation is no reason
 * @param waitMs how long a triggered incident waits for its runbook
 */
export function analysisAfter(
  state: IncidentState,
  cause: { kind: AnalysisCause; provenance: Provenance } | null,
  nowMs: number,
  waitMs: number,
): Analysis {
  const { analysis } = state;
  if (analysis.state === "requested") return analysis;
  const runbook = runbookUrlOf(state);
  if (analysis.state === "waiting") {
    // `dueAtMs` can already be in the past, because analyses of other incidents may be requested first.
    return runbook && analysis.waitsFor === "runbook"
      ? {
          ...analysis,
          dueAtMs: Math.min(analysis.dueAtMs, nowMs),
          waitsFor: "nothing",
          reason: "The link to its runbook arrived",
        }
      : analysis;
  }
  // While only the incident's custom fields are known, there is nothing to analyse.
  if (cause === null || state.snapshot === null) return analysis;
  const waiting = {
    state: "waiting",
    waitsFor: "nothing",
    dueAtMs: nowMs,
    provenance: cause.provenance,
  } as const;
  // The search for missed incidents has already read the custom fields, so there is no runbook to wait for.
  if (cause.kind === "recovered") return { ...waiting, reason: "It was found open in a recovery" };
  if (runbook) return { ...waiting, reason: "It was triggered, with a runbook" };
  return {
    ...waiting,
    dueAtMs: nowMs + waitMs,
    waitsFor: "runbook",
    reason: `It was triggered; no runbook came within ${waitMs / 1000} s`,
  };
}
