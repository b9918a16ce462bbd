import type { Config } from "../config.ts";
import type { Connection } from "../connection/connection.ts";
import { createKeyring } from "../connection/seal.ts";
import { openConnection, readConnectionReplica } from "../connection/store.ts";
import { type VerificationKey, verificationKeys } from "../connection/verification.ts";
import { MemberReplica, memberKvKey } from "../tenant/memberships.ts";
import { userTenantId } from "../tenant-id.ts";

/**
 * What the edge needs to verify webhooks, kept in this isolate for a short while: opening the sealed copy and
 * importing its secrets costs more than the verification itself.
 *
 * It may be stale, so it may only accept. Before a webhook is refused the tenants' objects are asked; and a webhook
 * accepted on a secret that is gone is verified again by the object before it counts.
 */
export interface TenantTrust {
  connectionId: string;
  keys: VerificationKey[];
}

const MAX_AGE_MS = 30_000;
/** Entries that one isolate keeps of each kind; the oldest goes first. */
const MAX_ENTRIES = 1_000;
/** Seconds for which one location may answer from its own cache; KV's minimum. */
const CACHE_TTL_SECONDS = 30;

/** A map that forgets: each value after a while, and the oldest where it is full. */
class Remembered<T> {
  readonly #entries = new Map<string, { value: T; untilMs: number }>();
  readonly #lifeMs: number;

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs;
  }

  get(key: string, nowMs: number): T | undefined {
    const entry = this.#entries.get(key);
    return entry && nowMs < entry.untilMs ? entry.value : undefined;
  }

  set(key: string, value: T, nowMs: number): void {
    this.#entries.delete(key);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MAX_ENTRIES && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, { value, untilMs: nowMs + this.#lifeMs });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

const trusts = new Remembered<TenantTrust>(MAX_AGE_MS);
const memberships = new Remembered<string[]>(MAX_AGE_MS);

/** The tenants that a user's webhook URL leads to, as this isolate or KV knows them. */
export async function candidatesOf(env: Env, userId: string, nowMs: number): Promise<string[]> {
  const known = memberships.get(userId, nowMs);
  if (known) return known;
  const stored = await env.CONNECTIONS.get(memberKvKey(userId), { cacheTtl: CACHE_TTL_SECONDS });
  const organisations = stored === null ? [] : MemberReplica.parse(JSON.parse(stored));
  return learnCandidates(userId, organisations, nowMs);
}

/** Remembers the organisations that the user's object named. @returns all tenants of the user's URL */
export function learnCandidates(userId: string, organisations: readonly string[], nowMs: number): string[] {
  const tenantIds = [...organisations, userTenantId(userId)];
  memberships.set(userId, tenantIds, nowMs);
  return tenantIds;
}

/** Returns cached keys, else loads them from KV; null if KV has no connection. */
export async function trustOf(
  env: Env,
  config: Config,
  tenantId: string,
  nowMs: number,
): Promise<TenantTrust | null> {
  const known = trusts.get(tenantId, nowMs);
  if (known) return known;
  const keyring = createKeyring(config.credentialsKeys);
  const connection = await readConnectionReplica(env.CONNECTIONS, keyring, tenantId);
  return connection ? remember(tenantId, connection, nowMs) : null;
}

/** Remembers the connection that a tenant's object sent along, which is newer than any copy. */
export async function learnTrust(
  config: Config,
  tenantId: string,
  sealed: string,
  nowMs: number,
): Promise<void> {
  const connection = await openConnection(createKeyring(config.credentialsKeys), tenantId, sealed);
  await remember(tenantId, connection, nowMs);
}

async function remember(tenantId: string, connection: Connection, nowMs: number): Promise<TenantTrust> {
  const keys = await verificationKeys(connection, nowMs);
  const trust = { connectionId: connection.connectionId, keys };
  trusts.set(tenantId, trust, nowMs);
  return trust;
}

/** Called after every change that goes through this isolate, so that it is honoured here at once. */
export function forgetTrust(tenantId: string): void {
  trusts.delete(tenantId);
}

/**
 * Senders with too many refusals, as far as this isolate knows: they are answered 429 for a while without asking
 * anyone, so that refused traffic cannot keep an object busy. Genuine webhooks are verified before this is asked.
 */
const flooding = new Remembered<true>(10_000);

export const isFlooding = (key: string, nowMs: number): boolean => flooding.get(key, nowMs) ?? false;

/** Counts one request. @returns whether it is still within the limit */
export async function withinLimit(limiter: RateLimit, key: string, nowMs: number): Promise<boolean> {
  const { success } = await limiter.limit({ key });
  if (!success) flooding.set(key, true, nowMs);
  return success;
}
