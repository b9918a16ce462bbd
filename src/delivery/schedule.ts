import type { ErrorClass } from "../incidents/incident.ts";
import { scheduledAtMs } from "../retry-timing.ts";

/** Decides when a delivery is tried again. Pure: the clock and the random number are arguments. */

/**
 * The result of an attempt. `advice` says what to check if Aurora's answer points to a wrong setting; null otherwise.
 * `retryAfterSeconds` is Aurora's `Retry-After`.
 */
export type AttemptOutcome =
  | { kind: "accepted"; status: number | null }
  | {
      kind: "failed";
      cause: FailureCause;
      /** Null if there was no answer. */
      status: number | null;
      error: string;
      advice: string | null;
      retryAfterSeconds: number | null;
    };

/**
 * How far a failed attempt came: Aurora answered, did not answer in time, could not be reached, or was not called.
 */
export type FailureCause = "answered" | "timed_out" | "unreachable" | "not_sent";

/** Returns the class of a failed attempt. */
export function errorClassOf(cause: FailureCause, status: number | null): ErrorClass {
  if (cause === "not_sent") return "not_sent";
  if (status === null) return "unreachable";
  if (status === 429) return "rate_limited";
  return status >= 500 && status !== 508 ? "server_error" : "refused";
}

export type NextStep = { step: "delivered" } | { step: "retry"; atMs: number } | { step: "dead" };

/**
 * @param attempt how many attempts were made, including this attempt
 * @param schedule seconds before each attempt, including the first
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
  const atMs = scheduledAtMs(schedule, attempt, outcome.retryAfterSeconds, nowMs, random);
  return atMs === null ? { step: "dead" } : { step: "retry", atMs };
}

/**
 * Returns the earliest time at which a delivery is dead if every attempt fails.
 * @param attempts how many attempts of the schedule are used up
 * @param nextAtMs when the next attempt is due
 */
export function deadAtMs(attempts: number, nextAtMs: number, schedule: readonly number[]): number {
  const laterSeconds = schedule.slice(attempts + 1).reduce((sum, seconds) => sum + seconds, 0);
  return nextAtMs + laterSeconds * 1000;
}
