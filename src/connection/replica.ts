import { Connection } from "./connection.ts";
import { type Keyring, openText } from "./seal.ts";

/**
 * The sealed connection in KV, for the edge to verify webhooks with. Its only writer is the user's object;
 * KV is eventually consistent, so a reader that does not find what it hoped for asks the object.
 */

const keyOf = (userId: string) => `connection:${userId}`;
/** Seconds for which one location may answer from its own cache; KV's minimum. */
const CACHE_TTL_SECONDS = 30;

/** @throws {SealError} when the copy cannot be opened, and whatever KV throws when it is down */
export async function readReplica(
  kv: KVNamespace,
  keyring: Keyring,
  userId: string,
): Promise<Connection | null> {
  const sealed = await kv.get(keyOf(userId), { cacheTtl: CACHE_TTL_SECONDS });
  return sealed === null ? null : openConnection(keyring, userId, sealed);
}

/** @throws {SealError} when it cannot be opened with these keys, or was sealed for another user */
export async function openConnection(keyring: Keyring, userId: string, sealed: string): Promise<Connection> {
  return Connection.parse(JSON.parse(await openText(keyring, userId, sealed)));
}

/** Null removes it. KV takes one write a second for a key; the caller tries again when it throws. */
export async function writeReplica(kv: KVNamespace, userId: string, sealed: string | null): Promise<void> {
  if (sealed === null) await kv.delete(keyOf(userId));
  else await kv.put(keyOf(userId), sealed);
}
