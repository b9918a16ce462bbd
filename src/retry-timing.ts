/** Computes when to retry a failed call. Pure: the clock is an argument. */

/** The wait after each failure in a row: `firstMs`, then twice as long each time, at most `maxMs`. */
export interface Backoff {
  firstMs: number;
  maxMs: number;
}

/** @param failures the number of failures in a row, including the latest; less than 1 counts as 1 */
export const backoffMs = (failures: number, { firstMs, maxMs }: Backoff): number =>
  Math.min(firstMs * 2 ** Math.max(0, failures - 1), maxMs);

/**
 * Reads `Retry-After`: seconds, or an HTTP date (RFC 9110, 10.2.3). PagerDuty's `ratelimit-reset` has the same form and
 * may have decimals.
 * @returns whole seconds from now; null when the header is missing or malformed
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Math.ceil(Number(text));
  const atMs = /^[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(atMs) ? null : Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}
