/** When a delivery is tried again. Pure: the clock and the random number are arguments. */

/**
 * The result of an attempt. `advice` says what to look at where a setting is the cause, else null;
 * `retryAfterSeconds` is what Aurora asked for.
 */
export type AttemptOutcome =
  | { kind: "accepted"; status: number | null }
  | {
      kind: "failed";
      /** Null where there was no answer. */
      status: number | null;
      error: string;
      advice: string | null;
      retryAfterSeconds: number | null;
    };

export type NextStep = { step: "delivered" } | { step: "retry"; atMs: number } | { step: "dead" };

/** At most this share is added to a wait, so that deliveries that failed together are not retried together. */
const JITTER = 0.1;
/** Aurora may ask for a longer wait than the schedule's, but for no more than an hour. */
const MAX_RETRY_AFTER_SECONDS = 3600;

/** The wait that Aurora asked for, limited to an hour; 0 where it asked for none. */
export const grantedWaitSeconds = (retryAfterSeconds: number | null): number =>
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
  const waitSeconds = Math.max(delaySeconds, grantedWaitSeconds(outcome.retryAfterSeconds));
  return { step: "retry", atMs: nowMs + Math.round(waitSeconds * (1 + random * JITTER) * 1000) };
}

/**
 * When a delivery is dead, at the earliest, if every attempt fails.
 * @param attempts how many attempts of the schedule are used up
 * @param nextAtMs when the next attempt is due
 */
export function deadAtMs(attempts: number, nextAtMs: number, schedule: readonly number[]): number {
  const laterSeconds = schedule.slice(attempts + 1).reduce((sum, seconds) => sum + seconds, 0);
  return nextAtMs + laterSeconds * 1000;
}
