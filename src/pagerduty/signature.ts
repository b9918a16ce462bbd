/**
 * Verifies PagerDuty's V3 webhook signatures: HMAC-SHA256 of the raw body, in the header
 * `X-PagerDuty-Signature: v1=<hex>[,v1=<hex>…]`. One matching signature is enough.
 * https://developer.pagerduty.com/docs/verifying-webhook-signatures
 */

/**
 * PagerDuty sends one signature for each secret in rotation. The limit bounds the work that a stranger's webhook can
 * cause.
 */
const MAX_SIGNATURES = 50;
/** Enough for `MAX_SIGNATURES` signatures. A longer header counts as a missing signature. */
const MAX_HEADER_CHARS = 4096;
const HEX_SHA256 = /^[0-9a-fA-F]{64}$/;

/** Whether the header is short enough to parse and store. */
export const isSignatureHeader = (header: string) => header.length <= MAX_HEADER_CHARS;

/** Returns the `v1` signatures in a header as bytes. Skips other versions and malformed parts. */
export function parseSignatures(header: string | null): Uint8Array<ArrayBuffer>[] {
  if (header === null || !isSignatureHeader(header)) return [];
  return header
    .split(",", MAX_SIGNATURES)
    .map((part) => part.trim())
    .filter((part) => part.startsWith("v1="))
    .map((part) => part.slice("v1=".length))
    .filter((hex) => HEX_SHA256.test(hex))
    .map((hex) => Uint8Array.fromHex(hex));
}

/** Imports a secret for `isSignedBy`. Cache the key, because importing costs more than verifying. */
export async function importSigningSecret(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
}

/**
 * Whether one of `signatures` matches `body` under `key`. Computes the HMAC once, and compares each signature with the
 * HMAC in constant time.
 */
export async function isSignedBy(
  key: CryptoKey,
  signatures: readonly Uint8Array<ArrayBuffer>[],
  body: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (signatures.length === 0) return false;
  const expected = await crypto.subtle.sign("HMAC", key, body);
  return signatures.some((signature) => crypto.subtle.timingSafeEqual(signature, expected));
}
