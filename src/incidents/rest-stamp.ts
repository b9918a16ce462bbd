import { fold, type Observation } from "./fold.ts";
import { type IncidentState, isNewer, type Snapshot, type Stamp } from "./incident.ts";

/**
 * Compares REST answers with events. REST's times are in whole seconds, an event's time is in milliseconds. Pure.
 */

export interface RestIncident {
  incidentId: string;
  number: number | null;
  snapshot: Snapshot;
  description: string | null;
  /** ISO 8601: the latest of REST's times of change. */
  updatedAt: string | null;
  /** ISO 8601; null if REST does not report it. */
  statusChangedAt: string | null;
  /** ISO 8601; null while the incident is open. */
  resolvedAt: string | null;
}

export const SECOND_MS = 1000;
export const wholeSecond = (atMs: number) => Math.floor(atMs / SECOND_MS) * SECOND_MS;

/** In milliseconds; 0 if REST gives no time. */
export const updatedAtMsOf = (updatedAt: string | null) =>
  updatedAt === null ? 0 : Date.parse(updatedAt) || 0;

/**
 * Returns the stamp of a REST answer with the time `restAtMs`, given the newest known stamp. In the same second the
 * REST answer counts as newer, unless PagerDuty was asked before the known event occurred.
 */
export function stampBeside(known: Stamp | null, restAtMs: number, askedAtMs: number): Stamp {
  const stamp = { atMs: restAtMs, id: "" };
  if (!known || wholeSecond(known.atMs) !== wholeSecond(restAtMs)) return stamp;
  if (known.atMs > askedAtMs || isNewer(stamp, known)) return stamp;
  return { atMs: known.atMs, id: `${known.id}+` };
}

/**
 * Returns the stamp of a REST answer for a whole incident. The stamp is the end of the second in which the incident
 * last changed, or the time of the request if that is earlier, so that a late event of that second does not overwrite
 * the answer.
 */
function restStamp(state: IncidentState, updatedAt: string | null, askedAtMs: number): Stamp {
  const updatedAtMs = updatedAtMsOf(updatedAt);
  const knownUntilMs = Math.min(askedAtMs, wholeSecond(updatedAtMs) + SECOND_MS - 1);
  return stampBeside(state.snapshotStamp, Math.max(updatedAtMs, knownUntilMs), askedAtMs);
}

/** Turns a REST answer into an observation, stamped in relation to the known state. */
export function observeRest(state: IncidentState, incident: RestIncident, askedAtMs: number): Observation {
  const { number, snapshot, description, updatedAt, resolvedAt } = incident;
  const stamp = restStamp(state, updatedAt, askedAtMs);
  const observation: Observation = {
    kind: "incident",
    stamp,
    number,
    snapshot,
    resolves: false,
    description,
    resolvedAt,
  };
  const known = state.snapshotStamp;
  const sameSecond = known && wholeSecond(known.atMs) === wholeSecond(updatedAtMsOf(updatedAt));
  // An answer of the same second that changes nothing keeps the known stamp, however often it is read.
  return sameSecond && fold(state, observation).change === null
    ? { ...observation, stamp: known }
    : observation;
}
