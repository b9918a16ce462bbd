import * as z from "zod/mini";
import { earliest } from "../retry-timing.ts";
import { readStored } from "../storage/stored-value.ts";

/** Stores the ids of unfinished sign-ins. Finishing a sign-in removes its id, so each `state` works only once. */

const KEY = "oauthLogins";
const Pending = z.record(z.string(), z.number());
/** Enough for a person with several tabs; the oldest sign-in is dropped first. */
const MAX_PENDING = 10;

export class PendingLogins {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Ids with their expiry, oldest first. */
  get #pending(): [string, number][] {
    return Object.entries(readStored(this.#storage, KEY, Pending) ?? {});
  }

  #put(pending: [string, number][]): void {
    if (pending.length === 0) this.#storage.kv.delete(KEY);
    else this.#storage.kv.put(KEY, Object.fromEntries(pending));
  }

  remember(id: string, expiresAtMs: number): void {
    const rest = this.#pending.filter(([known]) => known !== id).slice(1 - MAX_PENDING);
    this.#put([...rest, [id, expiresAtMs]]);
  }

  /** Removes a sign-in that is being finished. @returns whether it was pending and not expired */
  take(id: string, nowMs: number): boolean {
    const pending = this.#pending;
    const found = pending.find(([known]) => known === id);
    if (!found) return false;
    this.#put(pending.filter((entry) => entry !== found));
    return nowMs < found[1];
  }

  forgetAll(): void {
    this.#put([]);
  }

  /** When the oldest pending sign-in expires; null if no sign-in is pending. */
  get nextAtMs(): number | null {
    return earliest(this.#pending.map(([, expiresAtMs]) => expiresAtMs));
  }

  forgetExpired(nowMs: number): void {
    this.#put(this.#pending.filter(([, expiresAtMs]) => nowMs < expiresAtMs));
  }
}
