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
import {
  type Held,
  isSettled,
  observeRest,
  type RestIncident,
  stampBeside,
  updatedAtMsOf,
} from "../incidents/rest-stamp.ts";
import { loadHeld, loadIncident } from "./incidents.ts";
import type { EntryKind } from "./journal.ts";
import { apply, type RecordContext } from "./record.ts";

/**
 * Records incidents that were read over REST. REST returns their current state, but not the events that led to it.
 */

/** Derives the notification's type from the change, because REST does not name the event. */
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

/** Whether folding the REST answer changes the incident as Aurora sees it. */
export function isNews(held: Held, incident: RestIncident, askedAtMs: number): boolean {
  return fold(held.state, observeRest(held, incident, askedAtMs)).change !== null;
}

/**
 * Whether the incident changed at PagerDuty after the newest stored observation. Its custom fields may then have
 * changed, too.
 */
export function isUnseen(state: IncidentState, incident: RestIncident): boolean {
  const stamps = [state.snapshotStamp, ...Object.values(state.fields).map(({ stamp }) => stamp)];
  const seenUntilMs = Math.max(...stamps.map((stamp) => stamp?.atMs ?? Number.NEGATIVE_INFINITY));
  return updatedAtMsOf(incident.updatedAt) > seenUntilMs;
}

/** A custom field and its current value, which is null if the field is not set. */
interface FieldReading {
  name: string;
  value: FieldValue;
}

export interface RestReading {
  incident: RestIncident;
  /** Null if the custom fields were not read. */
  fields: FieldReading[] | null;
  /** When PagerDuty was asked. Milliseconds. */
  askedAtMs: number;
}

export interface Reason {
  kind: Extract<EntryKind, "readback" | "recovery">;
  provenance: Provenance;
  analysisCause: (before: IncidentState, folded: Folded) => AnalysisCause | null;
  requestId: string | null;
}

/** Folds an incident that was read over REST, and stores what is new. @returns whether anything was new */
export function applyReading(
  context: RecordContext,
  reading: RestReading,
  reason: Reason,
  nowMs: number,
): boolean {
  const { incident, fields, askedAtMs } = reading;
  const held = loadHeld(context.sql, incident.incidentId);
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
  // The custom fields are folded first: the first notification then contains them, and the runbook is known when the
  // analysis is planned.
  const news = fields ? newFields(held, fields, incident.updatedAt, askedAtMs) : null;
  const fieldsApplied =
    news !== null &&
    apply(context, { ...common, type: "incident.custom_field_values.updated", observation: news }, nowMs) ===
      "applied";
  const state = loadIncident(context.sql, incident.incidentId);
  const observation = observeRest({ ...held, state }, incident, askedAtMs);
  const incidentApplied =
    apply(
      context,
      { ...common, type: `incident.${incident.snapshot.pagerdutyStatus}`, observation },
      nowMs,
    ) === "applied";
  return fieldsApplied || incidentApplied;
}

/**
 * Returns the custom fields whose value differs from the stored value. Their stamp is the time of the incident's last
 * change at PagerDuty, so a later event still overwrites them. A field is returned only if its new stamp is newer than
 * its stored stamp, or if the incident is settled (`isSettled`).
 * @returns null if there is no field to return
 */
function newFields(
  held: Held,
  fields: FieldReading[],
  updatedAt: string | null,
  askedAtMs: number,
): Observation | null {
  const { state } = held;
  const overrules = isSettled(held, askedAtMs);
  const restAtMs = updatedAt === null ? askedAtMs : updatedAtMsOf(updatedAt);
  let stamp: Stamp = { atMs: restAtMs, id: "" };
  const news = fields.filter(({ name, value }) => {
    const known = Object.hasOwn(state.fields, name) ? state.fields[name] : undefined;
    if (JSON.stringify(known?.value ?? null) === JSON.stringify(value ?? null)) return false;
    const own = stampBeside(overrules ? null : (known?.stamp ?? null), held.storedAtMs, restAtMs, askedAtMs);
    if (known && !overrules && !isNewer(own, known.stamp)) return false;
    if (isNewer(own, stamp)) stamp = own;
    return true;
  });
  return news.length > 0 ? { kind: "fields", stamp, fields: news, overrules } : null;
}
