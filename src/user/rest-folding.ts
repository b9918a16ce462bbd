import { type Folded, fold, type Observation, view } from "../incidents/fold.ts";
import type {
  FieldValue,
  IncidentState,
  NotificationType,
  Provenance,
  Stamp,
} from "../incidents/incident.ts";
import type { EntryKind } from "../incidents/journal.ts";
import { loadIncident } from "../incidents/store.ts";
import type { FieldValues } from "../pagerduty/event.ts";
import type { RestIncident } from "../pagerduty/incidents.ts";
import { apply, type Folding, observeIncident } from "./folding.ts";

/** Folding what REST tells: an incident as it is now, without the event that made it so. */

const SECOND_MS = 1000;
const wholeSecond = (atMs: number) => Math.floor(atMs / SECOND_MS) * SECOND_MS;

/**
 * The stamp of a REST answer. REST tells times to the second, events to the millisecond; an answer from the
 * second of the newest event that we know, asked for after that event, is newer by a hair. One that was asked for
 * before, when the event had not occurred or was on its way, is not.
 */
export function restStamp(state: IncidentState, updatedAt: string | null, askedAtMs: number): Stamp {
  const updatedAtMs = updatedAt === null ? 0 : Date.parse(updatedAt) || 0;
  const known = state.snapshotStamp;
  if (!known || wholeSecond(known.atMs) > wholeSecond(updatedAtMs) || known.atMs > askedAtMs) {
    return { atMs: updatedAtMs, id: "" };
  }
  return { atMs: Math.max(updatedAtMs, known.atMs), id: updatedAtMs > known.atMs ? "" : `${known.id}+` };
}

/** By what is different now, because nobody says which event it was. */
function typeOf({ state, change }: Folded): NotificationType {
  if (change?.kind === "custom_fields_updated") return "incident.custom_fields_updated";
  if (change?.kind === "updated" || change?.kind === "reopened") return "incident.updated";
  switch (view(state)?.pagerdutyStatus) {
    case "triggered":
      return change?.kind === "created" ? "incident.triggered" : "incident.updated";
    case "acknowledged":
      return "incident.acknowledged";
    case "resolved":
      return "incident.resolved";
    default:
      return "incident.updated";
  }
}

function observationOf(state: IncidentState, incident: RestIncident, askedAtMs: number): Observation {
  return observeIncident(incident, restStamp(state, incident.updatedAt, askedAtMs), {
    resolves: false,
    resolvedAt: incident.resolvedAt,
  });
}

/** Whether folding it would tell Aurora anything; most of what a check sees is known. */
export function isNews(state: IncidentState, incident: RestIncident, askedAtMs: number): boolean {
  return fold(state, observationOf(state, incident, askedAtMs)).change !== null;
}

export interface RestReading {
  incident: RestIncident;
  /** Null where they were not asked for. */
  fields: FieldValues | null;
  /** When PagerDuty was asked. Milliseconds. */
  askedAtMs: number;
}

/** Where a reading comes from. */
export interface Reason {
  kind: Extract<EntryKind, "readback" | "recovery">;
  provenance: Provenance;
  owesAnalysis: (before: IncidentState, folded: Folded) => "triggered" | "recovered" | null;
  requestId: string | null;
}

/** Folds a reading; writes and tells only what is new. @returns whether anything was */
export function applyReading(folding: Folding, reading: RestReading, reason: Reason, nowMs: number): boolean {
  const { incident, fields, askedAtMs } = reading;
  const state = loadIncident(folding.sql, incident.id);
  const common = {
    incidentId: incident.id,
    kind: reason.kind,
    notificationType: typeOf,
    occurredAt: incident.updatedAt ?? new Date(askedAtMs).toISOString(),
    provenance: reason.provenance,
    owesAnalysis: reason.owesAnalysis,
    line: null,
    alwaysRecorded: false,
    record: { receivedAtMs: nowMs, requestId: reason.requestId },
  };
  // Fields first: with them known, the incident's first notification has them, and its runbook.
  const news = fields ? newFields(state, fields, askedAtMs) : [];
  const fieldsApplied =
    news.length > 0 &&
    apply(
      folding,
      {
        ...common,
        type: "incident.custom_field_values.updated",
        observation: { kind: "fields", stamp: { atMs: askedAtMs, id: "" }, fields: news },
      },
      nowMs,
    ) === "applied";
  const observation = observationOf(loadIncident(folding.sql, incident.id), incident, askedAtMs);
  const incidentApplied =
    apply(folding, { ...common, type: `incident.${incident.status ?? "updated"}`, observation }, nowMs) ===
    "applied";
  return fieldsApplied || incidentApplied;
}

/** Only the values that differ: a field that says the same keeps the time at which it was said. */
function newFields(
  state: IncidentState,
  fields: FieldValues,
  askedAtMs: number,
): { name: string; value: FieldValue }[] {
  return fields.filter(({ name, value }) => {
    const known = Object.hasOwn(state.fields, name) ? state.fields[name] : undefined;
    if (known && known.stamp.atMs > askedAtMs) return false;
    return JSON.stringify(known?.value ?? null) !== JSON.stringify(value ?? null);
  });
}
