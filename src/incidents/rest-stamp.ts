import { fold, type Observation } from "./fold.ts";
import { type IncidentState, isNewer, type Snapshot, type Stamp } from "./incident.ts";

/** Compares REST answers with events. REST's times have whole seconds, events' times have milliseconds. Pure. */

export interface RestIncident {
  incidentId: string;
  number: number | null;
  snapshot: Snapshot;
  description: string | null;
  /** When the incident last changed, ISO 8601; null if REST does not report it. */
  updatedAt: string | null;
  /** ISO 8601; null if REST does not report it. */
  statusChangedAt: string | null;
  /** ISO 8601; null while the incident is open. */
  resolvedAt: string | null;
}

export const SECOND_MS = 1000;
export const wholeSecond = (atMs: number) => Math.floor(atMs / SECOND_MS) * SECOND_MS;

export interface Held {
  state: IncidentState;
  /** When the incident was last stored, by our own clock; null if it is not stored. Milliseconds. */
  storedAtMs: number | null;
}

/** PagerDuty's REST API has caught up with a webhook five minutes after its arrival. */
const SETTLE_MS = 5 * 60 * 1000;

/**
 * Whether PagerDuty was asked at least `SETTLE_MS` after the incident was last stored. By then REST has caught up. Its
 * answer may then replace a stored value, even if the stored value has a later time than the answer.
 */
export const isSettled = ({ storedAtMs }: Held, askedAtMs: number): boolean =>
  storedAtMs !== null && askedAtMs - storedAtMs >= SETTLE_MS;

/** How far apart the clocks of PagerDuty's machines may be. */
const MAX_SKEW_MS = 60_000;

/**
 * Whether a REST answer replaces the stored snapshot even if the answer's stamp is older. The incident must be settled
 * (`isSettled`). If the stored stamp is still in the future, the answer replaces the snapshot, because such a stamp
 * keeps out later events. Otherwise the answer replaces the snapshot if their statuses differ and the answer does not
 * lag. An answer lags if its time is over a minute older than the stored stamp. If the stored stamp was in the future
 * when it was stored, no answer counts as lagging.
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
 * Returns the stamp for a REST answer. `restAtMs` is the time of the answer: the incident's last change, in whole
 * seconds. If the stored stamp `known` is in the same second, and its event occurred before the call to PagerDuty, the
 * returned stamp is newer than `known`. PagerDuty's clock may be ahead of ours, so an event that was stored before the
 * call also counts as having occurred before the call.
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
 * Returns the stamp of a REST answer for a whole incident. The stamp's time is the end of the second in which the
 * incident last changed, so a late webhook about this second does not overwrite the answer. If the request was made
 * before the end of this second, the stamp's time is the time of the request. An event that occurred after the request
 * therefore still overwrites the answer.
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

/** Turns a REST answer into an observation. */
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
  // An answer that changes nothing keeps the known stamp. Otherwise each reading would add a `+` to the stamp's id.
  return sameSecond && fold(state, observation).change === null
    ? { ...observation, stamp: known }
    : observation;
}
