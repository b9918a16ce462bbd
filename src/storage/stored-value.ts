import type * as z from "zod/mini";
import { log } from "../log.ts";

/**
 * Values in the object's key-value storage. A value that cannot be read counts as absent, so that a damaged value never
 * stops the object. Only values that have a default or can be made again are read here.
 */

/** The keys that were already logged, so that a value that is read often does not fill the log. */
const logged = new WeakMap<DurableObjectStorage, Set<string>>();

/** The value of `key`; null where there is none, or one that `schema` does not accept. */
export function readStored<T>(
  storage: DurableObjectStorage,
  key: string,
  schema: z.ZodMiniType<T>,
): T | null {
  const stored = storage.kv.get(key);
  if (stored === undefined) return null;
  const parsed = schema.safeParse(stored);
  if (parsed.success) return parsed.data;
  const known = logged.get(storage) ?? new Set();
  if (!known.has(key)) {
    logged.set(storage, known.add(key));
    // The key and the kind of mismatch only: the value may be secret.
    log.error("storage.unreadable", { name: key, mismatch: parsed.error.issues[0]?.code });
  }
  return null;
}
