import type * as z from "zod/mini";
import { log } from "../log.ts";

/**
 * Reads values in the object's key-value storage. A value that cannot be read counts as absent, so that a damaged
 * value never stops the object. Use `readStored` only for values that have a default or can be computed again.
 */

/** The unreadable keys that were already logged. Each is logged once, so that frequent reads do not fill the log. */
const logged = new WeakMap<DurableObjectStorage, Set<string>>();

/** Returns the value of `key`; null if there is none, or if `schema` does not accept it. */
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
    // Logs only the key and the kind of mismatch, because the value may be secret.
    log.error("storage.unreadable", { name: key, mismatch: parsed.error.issues[0]?.code });
  }
  return null;
}
