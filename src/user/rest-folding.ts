import { type Folded, fold, type Observation, view } from "../incidents/fold.ts";
import {
  type IncidentState,
  isNewer,
  type NotificationType,
  type Provenance,
  type Stamp,
} from "../incidents/incident.ts";
import type { EntryKind } from "../incidents/journal.ts";
import { loadIncident } from "../incidents/store.ts";
import type { FieldValues } from "../pagerduty/event.ts";
import type { RestIncident } from "../pagerduty/incidents.ts";
import { apply, type Folding, observeIncident } from "./folding.ts";

/** Folding what REST tells: an incident as it is now, without the event that made it so. */

const SECOND_MS = 1000;
const wholeSecond = (atMs: number) => Math.floor(atMs / SECOND_MS) * SECOND_MS;

const updatedAtMsOf = (updatedAt: string | null) => (updatedAt === null ? 0 : Date.parse(updatedAt) || 0);

/**
 * The stamp of what REST said at `restAtMs`, beside what is known. Within one second the answer is newer by a
 * hair, unless it was asked for before what is known occurred, or while that was on its way.
 */
function stampBeside(known: Stamp | null, restAtMs: number, askedAtMs: number): Stamp {
  const stamp = { atMs: restAtMs, id: "" };
  if (!known || wholeSecond(known.atMs) !== wholeSecond(restAtMs)) return stamp;
  if (known.atMs > askedAtMs || isNewer(stamp, known)) return stamp;
  return { atMs: known.atMs, id: `${known.id}+` };
}

/**
 * The stamp of a REST answer. REST tells times to the second, events to the millisecond: the answer knows all of
 * its second up to the moment of asking, so that what comes late from before that does not undo it.
 */
export function restStamp(state: IncidentState, updatedAt: string | null, askedAtMs: number): Stamp {
  const updatedAtMs = updatedAtMsOf(updatedAt);
  const knowsUntilMs = Math.min(askedAtMs, wholeSecond(updatedAtMs) + SECOND_MS - 1);
  return stampBeside(state.snapshotStamp, Math.max(updatedAtMs, knowsUntilMs), askedAtMs);
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
  const resolution = { resolves: false, resolvedAt: incident.resolvedAt };
  const observation = observeIncident(incident, restStamp(state, incident.updatedAt, askedAtMs), resolution);
  const known = state.snapshotStamp;
  const sameSecond = known && wholeSecond(known.atMs) === wholeSecond(updatedAtMsOf(incident.updatedAt));
  // What says the same again of the same second is no newer, however often it is read.
  return sameSecond && fold(state, observation).change === null
    ? { ...observation, stamp: known }
    : observation;
}

/** Whether folding it would tell Aurora anything; most of what a check sees is known. */
export function isNews(state: IncidentState, incident: RestIncident, askedAtMs: number): boolean {
  return fold(state, observationOf(state, incident, askedAtMs)).change !== null;
}

/** Whether anything happened to it in a second of which we know nothing: its fields may have changed. */
export function isUnseen(state: IncidentState, incident: RestIncident): boolean {
  const stamps = [state.snapshotStamp, ...Object.values(state.fields).map(({ stamp }) => stamp)];
  const seenUntilMs = Math.max(...stamps.map((stamp) => stamp?.atMs ?? Number.NEGATIVE_INFINITY));
  return updatedAtMsOf(incident.updatedAt) > seenUntilMs;
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
  const news = fields ? newFields(state, fields, incident.updatedAt, askedAtMs) : null;
  const fieldsApplied =
    news !== null &&
    apply(folding, { ...common, type: "incident.custom_field_values.updated", observation: news }, nowMs) ===
      "applied";
  const observation = observationOf(loadIncident(folding.sql, incident.id), incident, askedAtMs);
  const incidentApplied =
    apply(folding, { ...common, type: `incident.${incident.status ?? "updated"}`, observation }, nowMs) ===
    "applied";
  return fieldsApplied || incidentApplied;
}

/**
 * Only the values that differ, as of when PagerDuty last changed the incident: an event from after that counts,
 * however long it was on its way. A field that says the same keeps the time at which it was said.
 */
function newFields(
  state: IncidentState,
  fields: FieldValues,
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
