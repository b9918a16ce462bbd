import * as z from "zod/mini";
import { describe, log } from "../log.ts";
import { migrate } from "../storage/migrations.ts";
import type { Connection } from "./connection.ts";
import { openConnection, writeReplica } from "./replica.ts";
import { isSealedWithCurrentKey, type Keyring, SealError, sealText } from "./seal.ts";

/**
 * The user's connection: in memory to work with, sealed in the object's storage to last, and as a sealed copy
 * in KV for the edge. Changes are made one after another, each seen in memory at once.
 */

const CONNECTION_KEY = "connection";
/** Set while KV may hold something older than the storage. */
const REPLICA_BEHIND_KEY = "replicaBehind";
const Stored = z.object({ userId: z.string(), sealed: z.string() });

/** KV takes one write a second for a key. */
export const REPLICA_RETRY_MS = 2_000;

export class ConnectionStore {
  readonly #storage: DurableObjectStorage;
  readonly #kv: KVNamespace;
  readonly #keyring: Keyring;
  #connection: Connection | null = null;
  #unreadable: SealError["reason"] | null = null;
  #saving: Promise<unknown> = Promise.resolve();
  /** How often everything was forgotten, the alarm with it. */
  cleared = 0;

  constructor(storage: DurableObjectStorage, kv: KVNamespace, keyring: Keyring) {
    this.#storage = storage;
    this.#kv = kv;
    this.#keyring = keyring;
  }

  /** Null when the user is not connected, or when the stored connection cannot be opened. */
  get connection(): Connection | null {
    return this.#connection;
  }

  /** The connection as it is stored and copied to KV. */
  get sealed(): string | null {
    const stored = this.#storage.kv.get(CONNECTION_KEY);
    return stored === undefined ? null : Stored.parse(stored).sealed;
  }

  /** Why a stored connection cannot be opened; null when it can, or when there is none. */
  get unreadable(): SealError["reason"] | null {
    return this.#unreadable;
  }

  /** Opens what is stored, once, before anything else runs; seals it anew if another key did. */
  async open(): Promise<void> {
    const stored = this.#storage.kv.get(CONNECTION_KEY);
    if (stored === undefined) return;
    const { userId, sealed } = Stored.parse(stored);
    try {
      this.#connection = await openConnection(this.#keyring, userId, sealed);
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      this.#unreadable = error.reason;
      log.error("connection.unreadable", { userId, reason: error.reason });
      return;
    }
    if (!isSealedWithCurrentKey(this.#keyring, sealed)) await this.update((connection) => connection);
  }

  /**
   * Replaces the connection by what `change` makes of the present one. In memory that counts at once; the
   * promise is kept when it is stored. The copy in KV follows, or is caught up with later.
   */
  async update(change: (connection: Connection) => Connection): Promise<void> {
    if (!this.#connection) return;
    await this.set(change(this.#connection));
  }

  async set(connection: Connection): Promise<void> {
    migrate(this.#storage);
    this.#connection = connection;
    this.#unreadable = null;
    await this.#inTurn(async () => {
      // What counts now, which may be newer than what this call brought.
      const current = this.#connection;
      if (!current) return;
      const sealed = await sealText(this.#keyring, current.userId, JSON.stringify(current));
      // Forgotten meanwhile; what is in its place brings its own turn.
      if (this.#connection?.connectionId !== current.connectionId) return;
      this.#storage.kv.put(CONNECTION_KEY, { userId: current.userId, sealed });
      await this.#replicate(current.userId, sealed);
    });
  }

  /** Puts `connection` in place of all that is held for the user. There is no moment without one or the other. */
  async replace(connection: Connection): Promise<void> {
    this.#connection = connection;
    this.#unreadable = null;
    // Takes effect at once, so what is written next stays.
    await Promise.all([this.#storage.deleteAll(), this.set(connection)]);
  }

  /** Forgets the connection and everything else that is stored for the user. */
  async clear(): Promise<void> {
    const stored = this.#storage.kv.get(CONNECTION_KEY);
    this.#connection = null;
    this.#unreadable = null;
    // Not in turn: behind a slow copy to KV it would take away what was connected meanwhile, tables and all.
    await this.#storage.deleteAll();
    this.cleared += 1;
    if (stored !== undefined) await this.#copyAsStored(Stored.parse(stored).userId);
  }

  /** Whether KV has to be caught up with. */
  get replicaBehind(): boolean {
    return this.#storage.kv.get(REPLICA_BEHIND_KEY) !== undefined;
  }

  /** Brings the copy in KV up to date after a write that failed. */
  async catchUpReplica(): Promise<void> {
    const behind = this.#storage.kv.get(REPLICA_BEHIND_KEY);
    if (typeof behind === "string") await this.#copyAsStored(behind);
  }

  async #copyAsStored(userId: string): Promise<void> {
    await this.#inTurn(() => this.#replicate(userId, this.sealed));
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#saving.then(work);
    this.#saving = turn.catch(() => undefined);
    return turn;
  }

  async #replicate(userId: string, sealed: string | null): Promise<void> {
    try {
      await writeReplica(this.#kv, userId, sealed);
      if (this.replicaBehind) this.#storage.kv.delete(REPLICA_BEHIND_KEY);
    } catch (error) {
      // The edge asks the object before it turns anyone away, so being behind costs time, not events.
      this.#storage.kv.put(REPLICA_BEHIND_KEY, userId);
      log.warn("replica.behind", { userId, error: describe(error) });
    }
  }
}
