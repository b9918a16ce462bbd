import { fold, type Observation } from "./fold.ts";
import { type IncidentState, isNewer, type Snapshot, type Stamp } from "./incident.ts";

/**
 * An incident as REST answers it, and the stamp that such an answer gets. REST gives times to the second, events
 * to the millisecond. Pure.
 */

export interface RestIncident {
  incidentId: string;
  number: number | null;
  snapshot: Snapshot;
  description: string | null;
  /** ISO 8601: the latest of all times that REST gives for a change of it. */
  updatedAt: string | null;
  /** ISO 8601; null while it is open. */
  resolvedAt: string | null;
}

const SECOND_MS = 1000;
const wholeSecond = (atMs: number) => Math.floor(atMs / SECOND_MS) * SECOND_MS;

/** Milliseconds; 0 where REST gives no time. */
export const updatedAtMsOf = (updatedAt: string | null) =>
  updatedAt === null ? 0 : Date.parse(updatedAt) || 0;

/**
 * The stamp of a REST answer of `restAtMs` compared with a known stamp. In the same second the REST answer counts as
 * newer, unless PagerDuty was asked before the known event occurred.
 */
export function stampBeside(known: Stamp | null, restAtMs: number, askedAtMs: number): Stamp {
  const stamp = { atMs: restAtMs, id: "" };
  if (!known || wholeSecond(known.atMs) !== wholeSecond(restAtMs)) return stamp;
  if (known.atMs > askedAtMs || isNewer(stamp, known)) return stamp;
  return { atMs: known.atMs, id: `${known.id}+` };
}

/**
 * The stamp of a REST answer for a whole incident: it covers all of its last second up to the moment of asking, so
 * that an event of that second which arrives later does not undo the answer.
 */
function restStamp(state: IncidentState, updatedAt: string | null, askedAtMs: number): Stamp {
  const updatedAtMs = updatedAtMsOf(updatedAt);
  const knownUntilMs = Math.min(askedAtMs, wholeSecond(updatedAtMs) + SECOND_MS - 1);
  return stampBeside(state.snapshotStamp, Math.max(updatedAtMs, knownUntilMs), askedAtMs);
}

/** The observation that a REST answer makes beside what is known. */
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
  // An answer that repeats the same second is no newer, however often it is read.
  return sameSecond && fold(state, observation).change === null
    ? { ...observation, stamp: known }
    : observation;
}
