/**
 * Limits the calls that read the contexts of incidents, so that most of PagerDuty's rate limit is left for other calls.
 * A restart resets the count, which is safe because PagerDuty's own limit is three times as high.
 */

const WINDOW_MS = 60_000;
/** A third of PagerDuty's 960 calls a minute. */
export const MAX_CALLS_A_MINUTE = 320;
/** After this many calls in a minute only alerts are requested, so that later incidents still get their alerts. */
export const ALERTS_ALONE_AFTER = 160;

export class CallBudget {
  /** The times of the calls of the last minute, oldest first. */
  readonly #calls: number[] = [];

  /** Counts a call and returns true; returns false if the budget is used up. */
  take(isAlerts: boolean, nowMs: number): boolean {
    while ((this.#calls[0] ?? nowMs) <= nowMs - WINDOW_MS) this.#calls.shift();
    if (this.#calls.length >= (isAlerts ? MAX_CALLS_A_MINUTE : ALERTS_ALONE_AFTER)) return false;
    this.#calls.push(nowMs);
    return true;
  }
}
