import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey, type RemoteJWKSetOptions } from "jose";
import { readText, withDeadline } from "./limits.ts";

/** Fetches remote key sets (JWKS), within limits of time and size. */

const TIMEOUT_MS = 10_000;
/** Enough for a key set, which has a few keys of some hundred bytes each. */
const MAX_BYTES = 64 * 1024;

/** The key sets by URL, for the life of the isolate. */
const keySets = new Map<string, JWTVerifyGetKey>();

/**
 * Returns the cached key set at `address`. It is fetched on first use, and again for a token with an unknown key.
 * @param options jose's cache and cooldown times; only the first call for an address sets them
 */
export function keySetAt(address: string, options: RemoteJWKSetOptions = {}): JWTVerifyGetKey {
  let keys = keySets.get(address);
  if (!keys) {
    keys = createRemoteJWKSet(new URL(address), { ...options, [customFetch]: fetchKeySet });
    keySets.set(address, keys);
  }
  return keys;
}

/** jose reports an answer other than 200 as ERR_JOSE_GENERIC, so a key set that is too large becomes a 502. */
const fetchKeySet = (address: string, { headers }: { headers: Headers }): Promise<Response> =>
  withDeadline(TIMEOUT_MS, async (signal) => {
    const response = await fetch(address, { headers, redirect: "manual", signal });
    const text = await readText(response, MAX_BYTES);
    return new Response(text, { status: text === null ? 502 : response.status });
  });
