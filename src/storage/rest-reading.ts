import { type Folded, fold, type Observation, view } from "../incidents/fold.ts";
import {
  type AnalysisCause,
  type FieldValue,
  type IncidentState,
  isNewer,
  type NotificationType,
  type Provenance,
  type Stamp,
} from "../incidents/incident.ts";
import { observeRest, type RestIncident, stampBeside, updatedAtMsOf } from "../incidents/rest-stamp.ts";
import { loadIncident } from "./incidents.ts";
import type { EntryKind } from "./journal.ts";
import { apply, type RecordContext } from "./record.ts";

/** RecordContext what REST tells: an incident as it is now, without the event that made it so. */

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

/** Whether folding it would tell Aurora anything; most of what a check sees is known. */
export function isNews(state: IncidentState, incident: RestIncident, askedAtMs: number): boolean {
  return fold(state, observeRest(state, incident, askedAtMs)).change !== null;
}

/** Whether anything happened to it in a second of which we know nothing: its fields may have changed. */
export function isUnseen(state: IncidentState, incident: RestIncident): boolean {
  const stamps = [state.snapshotStamp, ...Object.values(state.fields).map(({ stamp }) => stamp)];
  const seenUntilMs = Math.max(...stamps.map((stamp) => stamp?.atMs ?? Number.NEGATIVE_INFINITY));
  return updatedAtMsOf(incident.updatedAt) > seenUntilMs;
}

/** One custom field's value now; null where it has none. */
interface FieldReading {
  name: string;
  value: FieldValue;
}

export interface RestReading {
  incident: RestIncident;
  /** Null where they were not asked for. */
  fields: FieldReading[] | null;
  /** When PagerDuty was asked. Milliseconds. */
  askedAtMs: number;
}

/** Where a reading comes from. */
export interface Reason {
  kind: Extract<EntryKind, "readback" | "recovery">;
  provenance: Provenance;
  analysisCause: (before: IncidentState, folded: Folded) => AnalysisCause | null;
  requestId: string | null;
}

/** Folds a reading; writes and tells only what is new. @returns whether anything was */
export function applyReading(
  context: RecordContext,
  reading: RestReading,
  reason: Reason,
  nowMs: number,
): boolean {
  const { incident, fields, askedAtMs } = reading;
  const state = loadIncident(context.sql, incident.incidentId);
  const common = {
    incidentId: incident.incidentId,
    kind: reason.kind,
    notificationType: typeOf,
    occurredAt: incident.updatedAt ?? new Date(askedAtMs).toISOString(),
    provenance: reason.provenance,
    analysisCause: reason.analysisCause,
    line: null,
    alwaysRecorded: false,
    record: { receivedAtMs: nowMs, requestId: reason.requestId },
  };
  // Fields first: with them known, the incident's first notification has them, and its runbook.
  const news = fields ? newFields(state, fields, incident.updatedAt, askedAtMs) : null;
  const fieldsApplied =
    news !== null &&
    apply(context, { ...common, type: "incident.custom_field_values.updated", observation: news }, nowMs) ===
      "applied";
  const observation = observeRest(loadIncident(context.sql, incident.incidentId), incident, askedAtMs);
  const incidentApplied =
    apply(
      context,
      { ...common, type: `incident.${incident.snapshot.pagerdutyStatus}`, observation },
      nowMs,
    ) === "applied";
  return fieldsApplied || incidentApplied;
}

/**
 * Only the values that differ, as of when PagerDuty last changed the incident: an event from after that counts,
 * however long it was on its way. A field that says the same keeps the time at which it was said.
 */
function newFields(
  state: IncidentState,
  fields: FieldReading[],
  updatedAt: string | null,
  askedAtMs: number,
): Observation | null {
  const restAtMs = updatedAt === null ? askedAtMs : updatedAtMsOf(updatedAt);
  let stamp: Stamp = { atMs: restAtMs, id: "" };
  const news = fields.filter(({ name, value }) => {
    const known = Object.hasOwn(state.fields, name) ? state.fields[name] : undefined;
    if (JSON.stringify(known?.value ?? null) === JSON.stringify(value ?? null)) return false;
    const own = stampBeside(known?.stamp ?? null, restAtMs, askedAtMs);
    if (known && !isNewer(own, known.stamp)) return false;
    if (isNewer(own, stamp)) stamp = own;
    return true;
  });
  return news.length > 0 ? { kind: "fields", stamp, fields: news } : null;
}
