import * as z from "zod/mini";

/** What the checks know about the webhook subscription, and when the next check is due. Times in milliseconds. */
export const Watch = z.object({
  /** Null before the first check. */
  nextAtMs: z.nullable(z.number()),
  lastAtMs: z.nullable(z.number()),
  /** The subscription's state at the last look. */
  state: z.enum(["active", "disabled", "missing"]),
  /** When a disabled subscription was last enabled again, and how many missed incidents were recovered then. */
  reEnabled: z.nullable(z.object({ atMs: z.number(), recovered: z.number() })),
  /** Why the last check did not finish. */
  problem: z.nullable(z.string()),
  /** The webhook URL, as the last caller saw it: an alarm has no request to read it from. */
  url: z.nullable(z.string()),
  /** The subscription's filter at the last look; null while unknown. */
  filter: z._default(z.nullable(z.object({ type: z.string(), id: z.nullable(z.string()) })), null),
});
export type Watch = z.infer<typeof Watch>;

/** Before the first check. */
export const FRESH: Watch = {
  nextAtMs: null,
  lastAtMs: null,
  state: "active",
  reEnabled: null,
  problem: null,
  url: null,
  filter: null,
};

const KEY = "watch";

/** The stored watch; a value that cannot be read counts as none. */
export const readWatch = (storage: DurableObjectStorage): Watch =>
  Watch.safeParse(storage.kv.get(KEY)).data ?? FRESH;

/** Stores what changed; writes nothing where nothing did. */
export function updateWatch(storage: DurableObjectStorage, change: Partial<Watch>): void {
  const before = readWatch(storage);
  const after = { ...before, ...change };
  if (JSON.stringify(after) !== JSON.stringify(before)) storage.kv.put(KEY, after);
}
