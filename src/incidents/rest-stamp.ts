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
  /** The latest time of a change that REST reports. ISO 8601. */
  updatedAt: string | null;
  /** ISO 8601; null if REST does not report it. */
  statusChangedAt: string | null;
  /** ISO 8601; null while the incident is open. */
  resolvedAt: string | null;
}

export const SECOND_MS = 1000;
export const wholeSecond = (atMs: number) => Math.floor(atMs / SECOND_MS) * SECOND_MS;

/** A stored incident. */
export interface Held {
  state: IncidentState;
  /** When the incident was last stored, by our own clock; null if it is not stored. Milliseconds. */
  storedAtMs: number | null;
}

/** This long after a webhook has arrived, PagerDuty's REST API has caught up with it. */
const SETTLE_MS = 5 * 60 * 1000;

/**
 * Whether PagerDuty was asked so long after the incident was last stored that the REST answer should be newer than the
 * stored incident. Such an answer may then replace stored values that have a later time.
 */
export const isSettled = ({ storedAtMs }: Held, askedAtMs: number): boolean =>
  storedAtMs !== null && askedAtMs - storedAtMs >= SETTLE_MS;

/** How far apart the clocks of PagerDuty's machines may be. */
const MAX_SKEW_MS = 60_000;

/**
 * Whether a REST answer replaces the stored snapshot even if the answer's stamp is older. The incident must be settled
 * (`isSettled`). If the stored stamp lies in the future, it would keep out later events, so the answer replaces the
 * snapshot. Otherwise the answer replaces a snapshot with a different status, unless the answer comes from a replica
 * that lags behind. An answer lags if its own time is much earlier than the stored stamp, and the stored stamp was not
 * in the future when it was stored.
 */
function overrules(held: Held, { snapshot, updatedAt }: RestIncident, askedAtMs: number): boolean {
  const { snapshot: known, snapshotStamp: stamp } = held.state;
  if (!known || !stamp || !isSettled(held, askedAtMs)) return false;
  if (stamp.atMs > askedAtMs) return true;
  const isOlder = updatedAt !== null && updatedAtMsOf(updatedAt) < stamp.atMs - MAX_SKEW_MS;
  const lags = isOlder && stamp.atMs <= (held.storedAtMs ?? 0);
  return !lags && known.pagerdutyStatus !== snapshot.pagerdutyStatus;
}

/** Returns the time in milliseconds; 0 if REST gives no time. */
export const updatedAtMsOf = (updatedAt: string | null) =>
  updatedAt === null ? 0 : Date.parse(updatedAt) || 0;

/**
 * Returns the stamp of a REST answer with the time `restAtMs`. `known` is the stored stamp. If both are in the same
 * second, and the event of `known` occurred before PagerDuty was asked, the returned stamp is newer than `known`. An
 * event that was stored before PagerDuty was asked has occurred, even if its time is later, because PagerDuty's clock
 * may be ahead of ours.
 * @param storedAtMs when the incident was last stored, by our own clock; null if it is not stored
 */
export function stampBeside(
  known: Stamp | null,
  storedAtMs: number | null,
  restAtMs: number,
  askedAtMs: number,
): Stamp {
  const stamp = { atMs: restAtMs, id: "" };
  if (!known || wholeSecond(known.atMs) !== wholeSecond(restAtMs)) return stamp;
  const hasOccurred = known.atMs <= askedAtMs || (storedAtMs !== null && storedAtMs < askedAtMs);
  if (!hasOccurred || isNewer(stamp, known)) return stamp;
  return { atMs: known.atMs, id: `${known.id}+` };
}

/**
 * Returns the stamp of a REST answer for a whole incident. The stamp is the end of the second in which the incident
 * last changed, or the time of the request if the request was earlier. Therefore an event of that second that arrives
 * later does not overwrite the answer, unless the event occurred after the request.
 */
function restStamp(
  known: Stamp | null,
  storedAtMs: number | null,
  updatedAt: string | null,
  askedAtMs: number,
): Stamp {
  const updatedAtMs = updatedAtMsOf(updatedAt);
  const knownUntilMs = Math.min(askedAtMs, wholeSecond(updatedAtMs) + SECOND_MS - 1);
  return stampBeside(known, storedAtMs, Math.max(updatedAtMs, knownUntilMs), askedAtMs);
}

/** Turns a REST answer into an observation, whose stamp depends on the stored state. */
export function observeRest(held: Held, incident: RestIncident, askedAtMs: number): Observation {
  const { state } = held;
  const overruling = overrules(held, incident, askedAtMs);
  const known = overruling ? null : state.snapshotStamp;
  const { number, snapshot, description, updatedAt, resolvedAt } = incident;
  const stamp = restStamp(known, held.storedAtMs, updatedAt, askedAtMs);
  const observation: Observation = {
    kind: "incident",
    stamp,
    number,
    snapshot,
    resolves: false,
    description,
    resolvedAt,
    overrules: overruling,
  };
  const sameSecond = known && wholeSecond(known.atMs) === wholeSecond(updatedAtMsOf(updatedAt));
  // An answer that changes nothing, with a time in the same second as the known stamp, gets the known stamp. A new
  // stamp would have a longer id, so repeated readings would make the id longer and longer.
  return sameSecond && fold(state, observation).change === null
    ? { ...observation, stamp: known }
    : observation;
}
