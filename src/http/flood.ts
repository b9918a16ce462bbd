/**
 * Refusals are answered 429 when one user gets too many of them, so that whoever knocks at a user's URL does
 * not keep that user's object busy. Genuine webhooks are verified before this is asked, and never counted.
 */

/** Users that are being flooded, as far as this isolate knows, and until when it looks away. */
const flooded = new Map<string, number>();
const LOOK_AWAY_MS = 10_000;
const MAX_USERS = 1_000;

export function isFlooded(userId: string, nowMs: number): boolean {
  const untilMs = flooded.get(userId);
  if (untilMs === undefined) return false;
  if (nowMs < untilMs) return true;
  flooded.delete(userId);
  return false;
}

/** Counts one against the limit. @returns whether it is still within */
export async function withinLimit(limiter: RateLimit, userId: string, nowMs: number): Promise<boolean> {
  const { success } = await limiter.limit({ key: userId });
  if (success) return true;
  const [oldest] = flooded.keys();
  if (flooded.size >= MAX_USERS && oldest !== undefined) flooded.delete(oldest);
  flooded.set(userId, nowMs + LOOK_AWAY_MS);
  return false;
}
