import type { Config } from "../config.ts";
import { type Connection, type ConnectionRef, refOf } from "../connection/connection.ts";
import { createKeyring } from "../connection/seal.ts";
import { openConnection, readConnectionReplica } from "../connection/store.ts";
import { type VerificationKey, verificationKeys } from "../connection/verification.ts";
import { MemberReplica, memberKvKey } from "../tenant/memberships.ts";
import { userTenantId } from "../tenant-id.ts";

/**
 * The keys with which the edge verifies webhooks. They are cached in this isolate for 30 s, because loading them costs
 * more than a verification. To load them, the edge decrypts KV's copy of the connection and imports its secrets.
 *
 * The cache may be stale, so the edge asks the tenants' objects before it answers 401 or 404. Before an object uses an
 * accepted webhook, the object checks that the secret is still valid.
 */
export interface TenantTrust extends ConnectionRef {
  keys: VerificationKey[];
}

const MAX_AGE_MS = 30_000;
/** The largest number of entries in a `Remembered`. */
const MAX_ENTRIES = 1_000;
/** For how many seconds a Cloudflare location may answer KV reads from its own cache. This is KV's minimum. */
const CACHE_TTL_SECONDS = 30;

/** A map whose entries expire. When it is full, it drops the oldest entry. */
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

/** Returns the tenants that a user's webhook URL leads to, from this isolate's cache or KV. */
export async function candidatesOf(env: Env, userId: string, nowMs: number): Promise<string[]> {
  const known = memberships.get(userId, nowMs);
  if (known) return known;
  const stored = await env.CONNECTIONS.get(memberKvKey(userId), { cacheTtl: CACHE_TTL_SECONDS });
  const organisations = stored === null ? [] : MemberReplica.parse(JSON.parse(stored));
  return learnCandidates(userId, organisations, nowMs);
}

/** Caches the organisations of a user. @returns the ids of all tenants that the user's webhook URL leads to */
export function learnCandidates(userId: string, organisations: readonly string[], nowMs: number): string[] {
  // All Cloudflare locations use this order. If two tenants have the same secret, all locations therefore choose the
  // same tenant.
  const tenantIds = [...organisations, userTenantId(userId)].sort();
  memberships.set(userId, tenantIds, nowMs);
  return tenantIds;
}

/** Returns the tenant's cached keys, or loads them from KV; null if KV has no copy of the connection. */
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

/** Opens the sealed connection that a tenant's object returned, and caches its keys: they are newer than KV's copy. */
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
  const trust = { ...refOf(connection), keys };
  trusts.set(tenantId, trust, nowMs);
  return trust;
}

/** Drops the tenant's cached keys, so that a change made through this isolate takes effect at once. */
export function forgetTrust(tenantId: string): void {
  trusts.delete(tenantId);
}

/**
 * Users and networks that exceeded a limit. For 10 s their webhooks get 429 without a call to an object, so that
 * refused traffic cannot keep objects busy. Webhooks that this isolate can verify are accepted before this check.
 */
const flooding = new Remembered<true>(10_000);

export const isFlooding = (key: string, nowMs: number): boolean => flooding.get(key, nowMs) ?? false;

/** Counts one request. @returns false if the limit is exceeded */
export async function withinLimit(limiter: RateLimit, key: string, nowMs: number): Promise<boolean> {
  const { success } = await limiter.limit({ key });
  if (!success) flooding.set(key, true, nowMs);
  return success;
}

/** Returns the network of an address. For IPv6 this is the first 64 bits: one internet line has a whole /64. */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail = ""] = address.toLowerCase().split("::");
  const groupsOf = (part: string) => part.split(":").filter((group) => group !== "");
  const [first, last] = [groupsOf(head), groupsOf(tail)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => "0");
  const groups = [...first, ...zeros, ...last].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}
