import * as z from "zod/mini";
import { readStored } from "../storage/stored-value.ts";

const KEY = "refusals";
/** How many webhooks were refused since the signing secrets last changed; when and why the last one was refused. */
export const Rejections = z.object({
  count: z.number(),
  lastAtMs: z.nullable(z.number()),
  lastReason: z.nullable(z.string()),
});
export type Rejections = z.infer<typeof Rejections>;
const NONE: Rejections = { count: 0, lastAtMs: null, lastReason: null };

/** Counts refused webhooks, for the status. */
export class Refusals {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get summary(): Rejections {
    return readStored(this.#storage, KEY, Rejections) ?? NONE;
  }

  /** @param reason completes "3 webhooks were refused: …" */
  count(reason: string, nowMs: number): void {
    this.#storage.kv.put(KEY, { count: this.summary.count + 1, lastAtMs: nowMs, lastReason: reason });
  }

  clear(): void {
    this.#storage.kv.delete(KEY);
  }
}
