import * as z from "zod/mini";
import { log } from "../log.ts";
import { migrate } from "../storage/migrations.ts";
import { Connection } from "./connection.ts";
import { Replica } from "./replica.ts";
import { isSealedWithCurrentKey, type Keyring, openText, SealError, sealText } from "./seal.ts";

/**
 * Keeps the tenant's connection in memory, sealed in the object's storage, and as a sealed copy in KV for the
 * edge. A change takes effect in memory at once; changes are stored one after another.
 */

const CONNECTION_KEY = "connection";
const REPLICA_MARKER = "connectionReplicaBehind";
const Stored = z.object({ tenantId: z.string(), sealed: z.string() });
/** How long after a deletion the alarm runs. The alarm removes the copy in KV if the copy still exists. */
const CLEARED_ALARM_MS = 2_000;

const connectionKvKey = (tenantId: string) => `connection:${tenantId}`;
/** How long a Cloudflare location may cache a value that it read from KV. 30 seconds is KV's minimum. */
const CACHE_TTL_SECONDS = 30;

/** Opens a sealed connection. @throws {SealError} */
export async function openConnection(
  keyring: Keyring,
  tenantId: string,
  sealed: string,
): Promise<Connection> {
  const parsed = Connection.safeParse(JSON.parse(await openText(keyring, tenantId, sealed)));
  if (!parsed.success) throw new SealError("unknown_shape");
  return parsed.data;
}

/** Reads and opens the edge's copy of a connection. @throws {SealError}, or KV's error if KV is down */
export async function readConnectionReplica(
  kv: KVNamespace,
  keyring: Keyring,
  tenantId: string,
): Promise<Connection | null> {
  const sealed = await kv.get(connectionKvKey(tenantId), { cacheTtl: CACHE_TTL_SECONDS });
  return sealed === null ? null : openConnection(keyring, tenantId, sealed);
}

export class ConnectionStore {
  readonly #storage: DurableObjectStorage;
  readonly #keyring: Keyring;
  readonly #survivors: () => readonly string[];
  readonly replica: Replica;
  #tenantId: string | null = null;
  #connection: Connection | null = null;
  #unreadable: SealError["reason"] | null = null;
  #saving: Promise<unknown> = Promise.resolve();

  /** @param survivors returns the storage keys that `clear` keeps, because they do not belong to the connection */
  constructor(
    storage: DurableObjectStorage,
    kv: KVNamespace,
    keyring: Keyring,
    survivors: () => readonly string[] = () => [],
  ) {
    this.#storage = storage;
    this.#keyring = keyring;
    this.#survivors = survivors;
    this.replica = new Replica(storage, kv, REPLICA_MARKER, () => this.sealed);
  }

  /** Null if the tenant is not connected, or if the stored connection cannot be opened. */
  get connection(): Connection | null {
    return this.#connection;
  }

  /**
   * Remembers the present `connectionId`. The returned function tells whether the connection still has this id.
   * PagerDuty's answer for an earlier connection must not be used.
   */
  whileConnectedAsNow(): () => boolean {
    const connectionId = this.#connection?.connectionId;
    return () => this.#connection?.connectionId === connectionId;
  }

  /** The tenant's id for the log; null if the object has had no connection since it started. */
  get tenantId(): string | null {
    return this.#tenantId;
  }

  get sealed(): string | null {
    const stored = this.#storage.kv.get(CONNECTION_KEY);
    return stored === undefined ? null : Stored.parse(stored).sealed;
  }

  /** Why the stored connection cannot be opened; null if it can be opened, or if there is none. */
  get unreadable(): SealError["reason"] | null {
    return this.#unreadable;
  }

  /** Opens the stored connection before anything else runs. Seals the connection again if an older key sealed it. */
  async open(): Promise<void> {
    const stored = this.#storage.kv.get(CONNECTION_KEY);
    if (stored === undefined) return;
    const { tenantId, sealed } = Stored.parse(stored);
    this.#tenantId = tenantId;
    try {
      this.#connection = await openConnection(this.#keyring, tenantId, sealed);
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      this.#unreadable = error.reason;
      log.error("connection.unreadable", { tenantId, reason: error.reason });
      return;
    }
    if (!isSealedWithCurrentKey(this.#keyring, sealed)) await this.update((connection) => connection);
  }

  /**
   * Replaces the connection by the result of `change`. The new connection takes effect in memory at once. Resolves when
   * it is stored; the copy in KV is written later.
   */
  async update(change: (connection: Connection) => Connection): Promise<void> {
    if (!this.#connection || this.#tenantId === null) return;
    await this.set(this.#tenantId, change(this.#connection));
  }

  async set(tenantId: string, connection: Connection): Promise<void> {
    migrate(this.#storage);
    this.#tenantId = tenantId;
    this.#connection = connection;
    this.#unreadable = null;
    await this.#inTurn(async () => {
      // Another call may have set a newer connection by now.
      const current = this.#connection;
      if (!current) return;
      const sealed = await sealText(this.#keyring, tenantId, JSON.stringify(current));
      // If another call cleared or replaced the connection during the sealing, `sealed` is outdated. A call that
      // replaces the connection also stores the new one.
      if (this.#connection?.connectionId !== current.connectionId) return;
      this.#storage.kv.put(CONNECTION_KEY, { tenantId, sealed });
      this.replica.mark(connectionKvKey(tenantId));
    });
  }

  /** Replaces everything stored for the tenant by `connection`. */
  async replace(tenantId: string, connection: Connection): Promise<void> {
    this.#connection = connection;
    this.#unreadable = null;
    await Promise.all([this.#deleteAll(tenantId), this.set(tenantId, connection)]);
  }

  /** Deletes the connection and everything stored for it. Removes the copy in KV even if nothing is stored. */
  async clear(tenantId: string): Promise<void> {
    this.#connection = null;
    this.#unreadable = null;
    await this.#deleteAll(tenantId);
  }

  /** Removes the copy in KV if no connection is stored, such as after an interrupted `clear`. */
  async forgetCopy(tenantId: string): Promise<void> {
    if (this.#storage.kv.get(CONNECTION_KEY) !== undefined) return;
    this.replica.mark(connectionKvKey(tenantId));
    await this.replica.sync();
  }

  /**
   * Deletes the storage. Marker and alarm are set first, and set again afterwards because the deletion removes them.
   * No `await` separates these steps, so even a restarted object removes the copy in KV.
   */
  async #deleteAll(tenantId: string): Promise<void> {
    const { kv } = this.#storage;
    const mark = () => {
      this.replica.mark(connectionKvKey(tenantId));
      return this.#storage.setAlarm(Date.now() + CLEARED_ALARM_MS);
    };
    const marked = mark();
    const kept = this.#survivors().map((key) => [key, kv.get(key)] as const);
    const deleted = this.#storage.deleteAll();
    for (const [key, value] of kept) if (value !== undefined) kv.put(key, value);
    await Promise.all([marked, deleted, mark()]);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#saving.then(work);
    this.#saving = turn.catch(() => undefined);
    return turn;
  }
}
