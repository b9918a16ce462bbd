import { backoffMs } from "../retry-timing.ts";

/** When an access token is refreshed. Pure; times in milliseconds since 1970. */

/** A token is refreshed when less than this is left, so that it does not expire during a call. */
const REFRESH_MARGIN_MS = 5 * 60 * 1000;
/** The alarm leaves a new token alone for this long, so that tokens with a very short life do not keep it running. */
const SETTLE_MS = 30_000;
/** At most a minute, because calls may wait for the token. */
const RETRY = { firstMs: 1_000, maxMs: 60_000 };

export interface TokenLife {
  obtainedAtMs: number;
  expiresAtMs: number;
  /** Whether the token came from a refresh. */
  refreshed: boolean;
}

/** From this time on the token is refreshed before it is used. */
export function refreshDueAtMs({ obtainedAtMs, expiresAtMs, refreshed }: TokenLife): number {
  const dueAtMs = expiresAtMs - REFRESH_MARGIN_MS;
  // A token that is short-lived even after a refresh is used for half its life.
  return refreshed ? Math.max(dueAtMs, (obtainedAtMs + expiresAtMs) / 2) : dueAtMs;
}

/** When the alarm refreshes the token, even if nothing uses it: an expired token may not be refreshable. */
export function keepAliveAtMs(life: TokenLife): number {
  return Math.max(refreshDueAtMs(life), life.obtainedAtMs + SETTLE_MS);
}

/**
 * How long to wait after `failures` failed refreshes in a row.
 * @param random from 0 to 1; adds up to a tenth, so that tenants do not retry at the same time
 */
export function retryDelayMs(failures: number, random: number): number {
  return Math.round(backoffMs(failures, RETRY) * (1 + random / 10));
}
