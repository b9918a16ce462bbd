/** When a delivery is tried again. Pure: the clock and the dice are arguments. */

/** What came of an attempt. `retryAfterSeconds` is Aurora's own wish. */
export type AttemptOutcome =
  | { kind: "accepted" }
  | { kind: "failed"; error: string; retryAfterSeconds: number | null };

export type NextStep = { step: "delivered" } | { step: "retry"; atMs: number } | { step: "dead" };

/** Spread, so that what failed together does not come back together. */
const JITTER = 0.1;
/** A receiver may ask for more patience than the schedule has, within reason. */
const MAX_RETRY_AFTER_SECONDS = 3600;

/** How much of the receiver's wish is granted, in seconds; 0 where it has none. */
export const patienceSeconds = (retryAfterSeconds: number | null): number =>
  Math.min(retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS);

/**
 * @param attempt how many attempts were made, this one included
 * @param schedule seconds before each attempt, the first included
 * @param random from 0 to 1
 */
export function nextStep(
  outcome: AttemptOutcome,
  attempt: number,
  schedule: readonly number[],
  nowMs: number,
  random: number,
): NextStep {
  if (outcome.kind === "accepted") return { step: "delivered" };
  const delaySeconds = schedule[attempt];
  if (delaySeconds === undefined) return { step: "dead" };
  const asked = patienceSeconds(outcome.retryAfterSeconds);
  return {
    step: "retry",
    atMs: nowMs + Math.round(Math.max(delaySeconds, asked) * (1 + random * JITTER) * 1000),
  };
}

/** Reads `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3). Null for anything else. */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header.trim());
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}
