import { backoffMs } from "../retry-timing.ts";

/** Decides when an access token is refreshed. Pure; times are in milliseconds since 1970. */

/** A token that expires within this time is refreshed before use, because it might expire during a call. */
const REFRESH_MARGIN_MS = 5 * 60 * 1000;
/** The alarm refreshes no token younger than this, so that very short-lived tokens do not keep the alarm busy. */
const SETTLE_MS = 30_000;
/** The wait after a failed refresh. It is at most a minute, because calls may need the token. */
const RETRY = { firstMs: 1_000, maxMs: 60_000 };

export interface TokenLife {
  obtainedAtMs: number;
  expiresAtMs: number;
  /** True if the token came from a refresh, false if it came from the sign-in. */
  refreshed: boolean;
}

/** From this time on the token is refreshed before it is used. */
export function refreshDueAtMs({ obtainedAtMs, expiresAtMs, refreshed }: TokenLife): number {
  const dueAtMs = expiresAtMs - REFRESH_MARGIN_MS;
  // A refreshed token is used for at least half its life, even if that life is very short.
  return refreshed ? Math.max(dueAtMs, (obtainedAtMs + expiresAtMs) / 2) : dueAtMs;
}

/**
 * Returns when the alarm refreshes the token. A token that no call uses would otherwise expire, and an expired token
 * may not be refreshable.
 */
export function keepAliveAtMs(life: TokenLife): number {
  return Math.max(refreshDueAtMs(life), life.obtainedAtMs + SETTLE_MS);
}

/**
 * Returns how long to wait before the next refresh.
 * @param failures how many refreshes have failed in a row
 * @param random from 0 to 1; adds up to a tenth to the wait, so that tenants do not retry at the same time
 */
export function retryDelayMs(failures: number, random: number): number {
  return Math.round(backoffMs(failures, RETRY) * (1 + random / 10));
}
