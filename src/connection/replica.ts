import { describe, log } from "../log.ts";

/**
 * A copy in KV of one value in the object's storage. The copy is written after the value. If writing the copy fails,
 * the alarm writes it again. KV is eventually consistent, so a reader that finds no valid copy asks the object.
 */

/** A KV write takes milliseconds; a hanging write must not hold up the alarm. */
const WRITE_DEADLINE_MS = 10_000;
/** KV accepts one write a second for each key. */
const RETRY_MS = 2_000;

export class Replica {
  readonly #storage: DurableObjectStorage;
  readonly #kv: KVNamespace;
  readonly #marker: string;
  readonly #read: () => string | null;
  #running: Promise<void> | null = null;
  #failedAtMs = 0;

  /**
   * @param marker the storage entry that exists while the copy may be out of date; its value is the copy's key in KV
   * @param read returns the stored value; null if the copy is to be deleted
   */
  constructor(storage: DurableObjectStorage, kv: KVNamespace, marker: string, read: () => string | null) {
    this.#storage = storage;
    this.#kv = kv;
    this.#marker = marker;
    this.#read = read;
  }

  /**
   * Marks the copy as out of date. Put no `await` between this call and the change of the value, so that marker and
   * value are stored together.
   */
  mark(kvKey: string): void {
    this.#storage.kv.put(this.#marker, kvKey);
  }

  get #behindKey(): string | null {
    const key = this.#storage.kv.get(this.#marker);
    return typeof key === "string" ? key : null;
  }

  /** When the alarm has to write the copy; null while the copy is up to date. */
  get nextAtMs(): number | null {
    return this.#behindKey === null ? null : this.#failedAtMs + RETRY_MS;
  }

  /** Brings the copy up to date. If an earlier call is still running, only waits for its end. Never throws. */
  sync(): Promise<void> {
    this.#running ??= this.#sync().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #sync(): Promise<void> {
    for (let key = this.#behindKey; key !== null; key = this.#behindKey) {
      const value = this.#read();
      try {
        await this.#write(key, value);
      } catch (error) {
        this.#failedAtMs = Date.now();
        log.warn("replica.behind", { key, error: describe(error) });
        return;
      }
      if (this.#behindKey === key && this.#read() === value) this.#storage.kv.delete(this.#marker);
    }
  }

  async #write(key: string, value: string | null): Promise<void> {
    const timer = new AbortController();
    const write = value === null ? this.#kv.delete(key) : this.#kv.put(key, value);
    const tooLate = scheduler.wait(WRITE_DEADLINE_MS, { signal: timer.signal }).then(() => {
      // The write may still succeed after the deadline, and overwrite a newer value. The copy then has to be written
      // again.
      write.then(() => this.mark(key)).catch(() => undefined);
      throw new Error(`KV did not answer within ${WRITE_DEADLINE_MS / 1000} s`);
    });
    try {
      await Promise.race([write, tooLate]);
    } finally {
      timer.abort();
      tooLate.catch(() => undefined);
    }
  }
}
