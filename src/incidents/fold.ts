import { RUNBOOK_FIELD } from "./analysis.ts";
import {
  type Change,
  type FieldValue,
  type Incident,
  type IncidentState,
  isNewer,
  type NotificationType,
  type Snapshot,
  type Stamp,
} from "./incident.ts";
import { cutText } from "./text.ts";

/**
 * The fold: computes the next state of an incident from its present state and one observation. Pure. Every part of
 * the state is a register that keeps the value of the newest observation (by `Stamp`). Any order and any repetition
 * of the same observations therefore results in the same incident. Only `version`, which counts the changes reported
 * to Aurora, depends on the order.
 */

/**
 * The content of one event or one REST answer. With `overrules`, a REST answer replaces the stored values even if a
 * stored stamp is newer. The fold then assumes that the newer stamp comes from a wrong clock.
 */
export type Observation =
  /** The whole incident. `resolves`: the observation is the event that resolved the incident. */
  | {
      kind: "incident";
      stamp: Stamp;
      number: number | null;
      snapshot: Snapshot;
      resolves: boolean;
      /** Null if the observation has no description. */
      description: string | null;
      /** ISO 8601: when the resolving event occurred, or REST's `resolved_at`. */
      resolvedAt: string | null;
      overrules?: boolean;
    }
  | { kind: "fields"; stamp: Stamp; fields: { name: string; value: FieldValue }[]; overrules?: boolean };

export interface Folded {
  state: IncidentState;
  /** Null if the incident as Aurora sees it did not change. */
  change: Change | null;
  /** Names of the custom fields that changed or were removed, as Aurora sees them. */
  changedFields: string[];
  /** Whether the state changed and has to be stored. */
  changed: boolean;
}

export function emptyIncident(incidentId: string): IncidentState {
  return {
    incidentId,
    number: null,
    snapshot: null,
    snapshotStamp: null,
    resolvedStamp: null,
    resolvedAtFallback: null,
    description: null,
    fields: {},
    version: 0,
    recipientUserId: null,
    analysis: { state: "none" },
  };
}

export const statusOf = (snapshot: Snapshot) =>
  snapshot.pagerdutyStatus === "resolved" ? ("resolved" as const) : ("investigating" as const);

/** Whether the incident's number is unknown: `sourceAlertId` then holds the incident's id. */
export const lacksNumber = ({ sourceAlertId, incidentId }: Incident): boolean => sourceAlertId === incidentId;

/** Returns the incident as Aurora sees it; null while only its custom fields are known. */
export function view(state: IncidentState): Incident | null {
  const { snapshot } = state;
  if (!snapshot) return null;
  const status = statusOf(snapshot);
  const customFields: Record<string, FieldValue> = {};
  for (const name of Object.keys(state.fields).sort()) {
    const value = state.fields[name]?.value ?? null;
    if (value !== null) customFields[name] = value;
  }
  return {
    sourceType: "pagerduty",
    sourceAlertId: state.number === null ? state.incidentId : String(state.number),
    incidentId: state.incidentId,
    title: snapshot.title,
    service: snapshot.service,
    severity: snapshot.severity,
    status,
    pagerdutyStatus: snapshot.pagerdutyStatus,
    urgency: snapshot.urgency,
    priority: snapshot.priority,
    url: snapshot.url,
    incidentKey: snapshot.incidentKey,
    description: state.description?.text ?? null,
    assignees: snapshot.assignees,
    teams: snapshot.teams,
    escalationPolicy: snapshot.escalationPolicy,
    alertFiredAt: snapshot.createdAt,
    startedAt: snapshot.createdAt,
    resolvedAt: status === "resolved" ? resolvedAtOf(state) : null,
    customFields,
    version: state.version,
  };
}

/** Returns REST's `resolved_at`, in whole seconds; null if it is unknown, or not later than the resolving event. */
function resolvedAtByRest({ resolvedStamp, resolvedAtFallback }: IncidentState): string | null {
  const eventMs = resolvedStamp?.atMs ?? Number.NEGATIVE_INFINITY;
  return resolvedAtFallback && Date.parse(resolvedAtFallback) > eventMs ? resolvedAtFallback : null;
}

/**
 * Returns the later of two times: the resolving event's time and REST's `resolved_at`. If neither time is known,
 * returns the snapshot's time.
 */
function resolvedAtOf(state: IncidentState): string | null {
  const byRest = resolvedAtByRest(state);
  if (byRest) return byRest;
  if (state.resolvedStamp?.text) return state.resolvedStamp.text;
  const atMs = state.resolvedStamp?.atMs ?? state.snapshotStamp?.atMs;
  return atMs === undefined ? null : new Date(atMs).toISOString();
}

/** Compares incidents as Aurora sees them. Ignores the incident's version and number. */
function looksTheSame(a: Incident | null, b: Incident | null): boolean {
  const content = (incident: Incident | null) =>
    JSON.stringify({ ...incident, version: 0, sourceAlertId: "" });
  return content(a) === content(b);
}

const resolvedSecond = (resolvedAt: string | null) =>
  resolvedAt === null ? null : Math.floor(Date.parse(resolvedAt) / 1000);

/**
 * Whether both states were resolved in the same second, and at least one of the times is from REST. The milliseconds
 * of an event's time are ignored, because REST reports only whole seconds.
 */
function isSameResolution(before: IncidentState, after: IncidentState): boolean {
  if (resolvedAtByRest(before) === null && resolvedAtByRest(after) === null) return false;
  return resolvedSecond(resolvedAtOf(before)) === resolvedSecond(resolvedAtOf(after));
}

/** `incident` is `view(state)`. */
interface Seen {
  state: IncidentState;
  incident: Incident | null;
}

/** Whether Aurora already knows everything in `after`. */
function isKnown(before: Seen, after: Seen): boolean {
  if (looksTheSame(before.incident, after.incident)) return true;
  if (!before.incident || !after.incident || !isSameResolution(before.state, after.state)) return false;
  return looksTheSame(before.incident, { ...after.incident, resolvedAt: before.incident.resolvedAt });
}

function changeBetween(before: Incident | null, after: Incident, observation: Observation): Change {
  if (!before) return { kind: "created", from: null, to: after.status };
  if (before.status !== after.status) {
    const kind = after.status === "resolved" ? "resolved" : "reopened";
    return { kind, from: before.status, to: after.status };
  }
  if (before.pagerdutyStatus !== after.pagerdutyStatus) {
    return { kind: "status_changed", from: before.pagerdutyStatus, to: after.pagerdutyStatus };
  }
  const kind = observation.kind === "fields" ? "custom_fields_updated" : "updated";
  return { kind, from: before.status, to: after.status };
}

/**
 * Corrects stamps that are later than `stamp`, because they come from a wrong clock. If `resolvedStamp` is later, it
 * becomes null. If the description's stamp is later, the description stays and gets the time of `stamp`.
 */
function withoutLaterStamps({ resolvedStamp, description }: IncidentState, stamp: Stamp) {
  const isLater = (known: Stamp) => known.atMs > stamp.atMs;
  return {
    resolvedStamp: resolvedStamp && isLater(resolvedStamp) ? null : resolvedStamp,
    description:
      description && isLater(description.stamp)
        ? { ...description, stamp: { atMs: stamp.atMs, id: "" } }
        : description,
  };
}

function applyIncident(
  state: IncidentState,
  observation: Extract<Observation, { kind: "incident" }>,
): IncidentState {
  const next = { ...state, number: state.number ?? observation.number };
  if (observation.overrules) Object.assign(next, withoutLaterStamps(state, observation.stamp));
  if (observation.overrules || !state.snapshotStamp || isNewer(observation.stamp, state.snapshotStamp)) {
    next.snapshot = observation.snapshot;
    next.snapshotStamp = observation.stamp;
    next.resolvedAtFallback = observation.resolves ? null : observation.resolvedAt;
  }
  if (observation.resolves && (!state.resolvedStamp || isNewer(observation.stamp, state.resolvedStamp))) {
    const { stamp, resolvedAt } = observation;
    next.resolvedStamp = resolvedAt === null ? stamp : { ...stamp, text: resolvedAt };
  }
  const { description } = observation;
  if (description !== null && (!next.description || isNewer(observation.stamp, next.description.stamp))) {
    next.description = { text: description, stamp: observation.stamp };
  }
  return next;
}

/** How many custom fields of an incident are stored, at most. PagerDuty allows fewer fields in an account. */
const MAX_FIELDS = 50;
/**
 * How many characters of a custom field's value are stored, at most. PagerDuty allows fewer characters. An incident with
 * `MAX_FIELDS` values of this length fits into a database row, which holds at most 2 MB.
 */
const MAX_FIELD_CHARS = 5_000;

function boundedValue(value: FieldValue): FieldValue {
  if (typeof value === "string") return cutText(value, MAX_FIELD_CHARS);
  const isLong = Array.isArray(value) && JSON.stringify(value).length > MAX_FIELD_CHARS;
  return isLong ? cutText(JSON.stringify(value), MAX_FIELD_CHARS) : value;
}

/**
 * Keeps `MAX_FIELDS` fields: the runbook, and the fields whose names come first in sorted order. The result therefore
 * does not depend on the order of arrival.
 */
function boundedFields(fields: IncidentState["fields"]): IncidentState["fields"] {
  const names = Object.keys(fields);
  if (names.length <= MAX_FIELDS) return fields;
  const rank = (name: string) => (name === RUNBOOK_FIELD ? "" : name);
  const kept = new Set(names.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, MAX_FIELDS));
  return Object.fromEntries(Object.entries(fields).filter(([name]) => kept.has(name)));
}

function applyFields(
  state: IncidentState,
  observation: Extract<Observation, { kind: "fields" }>,
): IncidentState {
  const fields = { ...state.fields };
  for (const { name, value } of observation.fields) {
    if (name === "__proto__") continue; // a plain object cannot hold this name
    const known = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (known && !observation.overrules && !isNewer(observation.stamp, known.stamp)) continue;
    fields[name] = { value: boundedValue(value ?? null), stamp: observation.stamp };
  }
  return { ...state, fields: boundedFields(fields) };
}

function differingFields(before: Incident["customFields"], after: Incident["customFields"]): string[] {
  const json = (fields: Incident["customFields"], name: string) =>
    Object.hasOwn(fields, name) ? JSON.stringify(fields[name]) : undefined;
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => json(before, name) !== json(after, name),
  );
}

/** Folds one observation into an incident. */
export function fold(state: IncidentState, observation: Observation): Folded {
  const next =
    observation.kind === "incident" ? applyIncident(state, observation) : applyFields(state, observation);
  const before = view(state);
  const after = view(next);
  const changed = JSON.stringify(next) !== JSON.stringify(state);
  if (!after || isKnown({ state, incident: before }, { state: next, incident: after }))
    return { state: next, change: null, changedFields: [], changed };
  const change = changeBetween(before, after, observation);
  const changedFields = differingFields(before?.customFields ?? {}, after.customFields);
  return { state: { ...next, version: state.version + 1 }, change, changedFields, changed: true };
}

const TYPE_OF_EVENT: Record<string, NotificationType> = {
  "incident.triggered": "incident.triggered",
  "incident.acknowledged": "incident.acknowledged",
  "incident.resolved": "incident.resolved",
  "incident.custom_field_values.updated": "incident.custom_fields_updated",
};

/** Returns the notification type for a PagerDuty event that changed the incident. */
export function notificationTypeOf(eventType: string): NotificationType {
  return TYPE_OF_EVENT[eventType] ?? "incident.updated";
}
