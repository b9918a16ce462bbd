import * as z from "zod/mini";
import { HOUR_MS, HOURS } from "../storage/activity.ts";
import { readStored } from "../storage/stored-value.ts";

const KEY = "refusals";
/** The number of webhooks refused since the last change of the signing secrets, and the latest refusal. */
export const Rejections = z.lazy(() =>
  z.object({
    count: z.number(),
    lastAtMs: z.nullable(z.number()),
    lastReason: z.nullable(z.string()),
    /**
     * Each pair is an hour (counted since 1970) and the number of webhooks refused in that hour. `clear` keeps the
     * pairs.
     */
    byHour: z._default(z.array(z.tuple([z.number(), z.number()])), []),
  }),
);
export type Rejections = z.infer<typeof Rejections>;
const NONE: Rejections = { count: 0, lastAtMs: null, lastReason: null, byHour: [] };

/** Counts refused webhooks. All counts are stored as one value, so each refusal writes only one row. */
export class Refusals {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get byHour(): ReadonlyMap<number, number> {
    return new Map(this.summary.byHour);
  }

  get summary(): Rejections {
    return readStored(this.#storage, KEY, Rejections) ?? NONE;
  }

  /** @param reason completes "3 webhooks were refused: …" */
  count(reason: string, nowMs: number): void {
    const { count, byHour } = this.summary;
    const hour = Math.floor(nowMs / HOUR_MS);
    const hours = new Map(byHour.filter(([known]) => known > hour - HOURS));
    hours.set(hour, (hours.get(hour) ?? 0) + 1);
    const next: Rejections = { count: count + 1, lastAtMs: nowMs, lastReason: reason, byHour: [...hours] };
    this.#storage.kv.put(KEY, next);
  }

  /** Call this after a change of the signing secrets. */
  clear(): void {
    const { count, byHour } = this.summary;
    if (count > 0) this.#storage.kv.put(KEY, { ...NONE, byHour });
  }
}
