import type { Config } from "../config.ts";
import type { Connection } from "../connection/connection.ts";
import { openConnection, readReplica } from "../connection/replica.ts";
import { createKeyring } from "../connection/seal.ts";
import { type VerificationKey, verificationKeys } from "../connection/verification.ts";

/**
 * What the edge needs to verify one user's webhooks, kept in this isolate for a short while: opening the
 * sealed copy and importing its secrets costs more than the verification itself.
 *
 * It may be stale. That is safe in one direction only, so it is used in one direction only: to accept. Before
 * anyone is turned away the user's object is asked; and what was accepted on a secret that is gone is checked
 * again by the object before it counts.
 */
export interface Trust {
  connectionId: string;
  keys: VerificationKey[];
}

const MAX_AGE_MS = 30_000;
/** Users that one isolate remembers; the oldest goes first. */
const MAX_USERS = 1_000;

const remembered = new Map<string, { trust: Trust; untilMs: number }>();

/** What is remembered of the user, else what the copy in KV says; null when that knows no such user. */
export async function trustOf(
  env: Env,
  config: Config,
  userId: string,
  nowMs: number,
): Promise<Trust | null> {
  const known = remembered.get(userId);
  if (known && nowMs < known.untilMs) return known.trust;
  const connection = await readReplica(env.CONNECTIONS, createKeyring(config.credentialsKeys), userId);
  return connection ? remember(userId, connection, nowMs) : null;
}

/** Remembers the connection that the user's object sent along, which is newer than any copy. */
export async function learnTrust(
  config: Config,
  userId: string,
  sealed: string,
  nowMs: number,
): Promise<void> {
  const connection = await openConnection(createKeyring(config.credentialsKeys), userId, sealed);
  await remember(userId, connection, nowMs);
}

async function remember(userId: string, connection: Connection, nowMs: number): Promise<Trust> {
  const trust = { connectionId: connection.connectionId, keys: await verificationKeys(connection, nowMs) };
  remembered.delete(userId);
  const [oldest] = remembered.keys();
  if (remembered.size >= MAX_USERS && oldest !== undefined) remembered.delete(oldest);
  remembered.set(userId, { trust, untilMs: nowMs + MAX_AGE_MS });
  return trust;
}

/** Called after every change that goes through this isolate, so that it is honoured here at once. */
export function forgetTrust(userId: string): void {
  remembered.delete(userId);
}

/*
 * Refusals are answered 429 when one user gets too many of them, so that refused traffic cannot keep a user's
 * object busy. Genuine webhooks are verified before this is asked, and never counted.
 */

/** Users with too many refusals, as far as this isolate knows, and until when it answers 429 without counting. */
const flooded = new Map<string, number>();
const FLOOD_PAUSE_MS = 10_000;
const MAX_FLOODED_USERS = 1_000;

export function isFlooded(userId: string, nowMs: number): boolean {
  const untilMs = flooded.get(userId);
  if (untilMs === undefined) return false;
  if (nowMs < untilMs) return true;
  flooded.delete(userId);
  return false;
}

/** Counts one request. @returns whether it is still within the limit */
export async function withinLimit(limiter: RateLimit, userId: string, nowMs: number): Promise<boolean> {
  const { success } = await limiter.limit({ key: userId });
  if (success) return true;
  const [oldest] = flooded.keys();
  if (flooded.size >= MAX_FLOODED_USERS && oldest !== undefined) flooded.delete(oldest);
  flooded.set(userId, nowMs + FLOOD_PAUSE_MS);
  return false;
}
