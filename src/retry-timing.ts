/** Computes when to retry a failed call, and which of several times is next. Pure: the clock is an argument. */

/** The wait after each failure in a row: `firstMs`, then twice as long each time, at most `maxMs`. */
export interface Backoff {
  firstMs: number;
  maxMs: number;
}

/** @param failures the number of failures in a row, including the latest; less than 1 counts as 1 */
export const backoffMs = (failures: number, { firstMs, maxMs }: Backoff): number =>
  Math.min(firstMs * 2 ** Math.max(0, failures - 1), maxMs);

/** Up to this share is added to a wait, so that calls that failed together are not all repeated at the same time. */
const JITTER = 0.1;
/** The longest accepted `Retry-After`. */
const MAX_RETRY_AFTER_SECONDS = 3600;

/** The requested wait, limited to an hour; 0 if no wait was requested. */
export const grantedWaitSeconds = (retryAfterSeconds: number | null): number =>
  Math.min(retryAfterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS);

/**
 * When the next attempt of a schedule is due; null if there is none.
 * @param schedule seconds before each attempt, including the first
 * @param attempts how many were made
 * @param retryAfterSeconds the wait that the other side requested; null for none
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
 * Reads `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3). PagerDuty's `ratelimit-reset` has the same form and
 * may have decimals.
 * @returns whole seconds from now; null if the header is missing or malformed
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Math.ceil(Number(text));
  const atMs = /^[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}

/** Returns the earliest time; null if all are null. */
export function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}
