import { importSigningSecret, isSignedBy, parseSignatures } from "../pagerduty/signature.ts";
import { type Connection, secretsInForce } from "./connection.ts";

/** An imported signing secret and its expiry. */
export interface VerificationKey {
  id: string;
  key: CryptoKey;
  expiresAtMs: number;
}

/** The keys of the secrets that are valid at `nowMs`. */
export async function verificationKeys(connection: Connection, nowMs: number): Promise<VerificationKey[]> {
  return Promise.all(
    secretsInForce(connection, nowMs).map(async ({ id, secret, expiresAtMs }) => ({
      id,
      key: await importSigningSecret(secret),
      expiresAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY,
    })),
  );
}

/** Returns the id of the secret that made one of the header's signatures; null if no secret did. */
export async function verifyingSecret(
  keys: readonly VerificationKey[],
  header: string | null,
  body: Uint8Array<ArrayBuffer>,
  nowMs: number,
): Promise<string | null> {
  const signatures = parseSignatures(header);
  if (signatures.length === 0) return null;
  for (const { id, key, expiresAtMs } of keys) {
    if (nowMs < expiresAtMs && (await isSignedBy(key, signatures, body))) return id;
  }
  return null;
}
