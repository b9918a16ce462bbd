import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey, type RemoteJWKSetOptions } from "jose";
import { readText, withDeadline } from "./limits.ts";

/** Fetches remote key sets (JWKS), within limits of time and size. */

const TIMEOUT_MS = 10_000;
/** A key set has a few keys of some hundred bytes each. */
const MAX_BYTES = 64 * 1024;

/** By URL. The key sets are kept as long as the isolate lives. */
const keySets = new Map<string, JWTVerifyGetKey>();

/**
 * Returns the key set at `address`. It is fetched on first use, and again if a token names a key that the set lacks.
 * @param options jose's cache and cooldown times; only the options of the first call for an address are used
 */
export function keySetAt(address: string, options: RemoteJWKSetOptions = {}): JWTVerifyGetKey {
  let keys = keySets.get(address);
  if (!keys) {
    keys = createRemoteJWKSet(new URL(address), { ...options, [customFetch]: fetchKeySet });
    keySets.set(address, keys);
  }
  return keys;
}

/**
 * Fetches a key set for jose. Answers 502 if the key set is too large, because jose reports every status except 200 as
 * a failed fetch (ERR_JOSE_GENERIC).
 */
const fetchKeySet = (address: string, { headers }: { headers: Headers }): Promise<Response> =>
  withDeadline(TIMEOUT_MS, async (signal) => {
    const response = await fetch(address, { headers, redirect: "manual", signal });
    const text = await readText(response, MAX_BYTES);
    return new Response(text, { status: text === null ? 502 : response.status });
  });
