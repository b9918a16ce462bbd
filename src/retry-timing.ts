/** Computes when to retry a failed call. Pure: the clock is an argument. */

/**
 * The waits after failures in a row. The first wait is `firstMs`. Each further wait is twice as long, up to `maxMs`.
 */
export interface Backoff {
  firstMs: number;
  maxMs: number;
}

/** Returns the wait. @param failures how many failures in a row, including the latest; less than 1 counts as 1 */
export const backoffMs = (failures: number, { firstMs, maxMs }: Backoff): number =>
  Math.min(firstMs * 2 ** Math.max(0, failures - 1), maxMs);

/**
 * A random part is added to each wait, at most this share of the wait. Calls that failed at the same time are then
 * retried at different times.
 */
const JITTER = 0.1;
const MAX_RETRY_AFTER_SECONDS = 3600;

/** Limits the wait that the server asks for in `Retry-After` to an hour. Returns 0 without this header. */
export const grantedWaitSeconds = (retryAfterSeconds: number | null): number =>
  Math.min(retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS);

/**
 * Returns when the next attempt is due; null if the schedule has no further attempt.
 * @param schedule the seconds to wait before each attempt, including the first
 * @param attempts how many attempts were made
 * @param retryAfterSeconds the wait of the server's `Retry-After`; null without this header
 * @param random from 0 to 1
 */
export function scheduledAtMs(
  schedule: readonly number[],
  attempts: number,
  retryAfterSeconds: number | null,
  nowMs: number,
  random: number,
): number | null {
  const delaySeconds = schedule[attempts];
  if (delaySeconds === undefined) return null;
  const waitSeconds = Math.max(delaySeconds, grantedWaitSeconds(retryAfterSeconds));
  return nowMs + Math.round(waitSeconds * (1 + random * JITTER) * 1000);
}

/**
 * Parses `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3). PagerDuty's header `ratelimit-reset` has the same
 * form, but may have decimals.
 * @returns whole seconds from now; null if the header is missing or malformed
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Math.ceil(Number(text));
  const atMs = /^[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}

/** Returns the earliest of the times; null if there is none. */
export function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}
