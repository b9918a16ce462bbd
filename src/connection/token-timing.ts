import { backoffMs } from "../retry-timing.ts";

/** When an access token is replaced by the next one. Pure; times in milliseconds since 1970. */

/** Replaced when less than this is left, so that no call starts with a token that ends under way. */
export const REFRESH_MARGIN_MS = 5 * 60 * 1000;
/** The alarm lets a new token settle, so that one with a very short life does not keep it turning. */
const SETTLE_MS = 30_000;
/** At most a minute: a call may wait behind a token that has expired. */
const RETRY = { firstMs: 1_000, maxMs: 60_000 };

export interface TokenLife {
  obtainedAtMs: number;
  expiresAtMs: number;
  /** Whether it came from a refresh. */
  refreshed: boolean;
}

/** From when on whoever needs the token gets a new one first. */
export function refreshDueAtMs({ obtainedAtMs, expiresAtMs, refreshed }: TokenLife): number {
  const dueAtMs = expiresAtMs - REFRESH_MARGIN_MS;
  // Where even a refresh brings no more than a few minutes, the next one would not bring more.
  return refreshed ? Math.max(dueAtMs, (obtainedAtMs + expiresAtMs) / 2) : dueAtMs;
}

/** When the alarm does it, whether anybody needs the token or not: an unused one must not die either. */
export function keepAliveAtMs(life: TokenLife): number {
  return Math.max(refreshDueAtMs(life), life.obtainedAtMs + SETTLE_MS);
}

/**
 * How long to wait after the given number of failures in a row.
 * @param random 0 to 1; up to a tenth is added, so that users do not come back together
 */
export function retryDelayMs(failures: number, random: number): number {
  return Math.round(backoffMs(failures, RETRY) * (1 + random / 10));
}
