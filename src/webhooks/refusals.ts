import * as z from "zod/mini";

/** Webhooks that were turned away since the secrets last changed, for the user's status. */

const KEY = "refusals";
const Stored = z.object({
  count: z.number(),
  lastAtMs: z.nullable(z.number()),
  lastReason: z.nullable(z.string()),
});
/** Webhooks that were refused, and why the last one was. */
export type Rejections = z.infer<typeof Stored>;
const NONE: Rejections = { count: 0, lastAtMs: null, lastReason: null };

export class Refusals {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get summary(): Rejections {
    const stored = this.#storage.kv.get(KEY);
    return stored === undefined ? NONE : Stored.parse(stored);
  }

  /** @param reason completes "3 webhooks were refused: …" */
  count(reason: string, nowMs: number): void {
    this.#storage.kv.put(KEY, { count: this.summary.count + 1, lastAtMs: nowMs, lastReason: reason });
  }

  clear(): void {
    this.#storage.kv.delete(KEY);
  }
}
