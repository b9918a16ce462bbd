/**
 * Seals texts with AES-256-GCM and a random IV for each text. A sealed text starts with its key's id, so keys
 * can be rotated. Each text is sealed for a purpose, usually a tenant id. The purpose is GCM's additional data, so a
 * text sealed for one tenant cannot be opened for another.
 *
 * Format: `<kid>.<base64url iv>.<base64url ciphertext and tag>`.
 */

/** NIST SP 800-38D, 5.2.1.1: 96 bits is the recommended length. */
const IV_BYTES = 12;

export class SealError extends Error {
  /**
   * `unknown_key`: the key is no longer in CREDENTIALS_KEYS. `not_authentic`: the text was changed, or sealed for
   * another purpose. `unknown_shape`: the text is genuine, but this version of the Worker does not understand it.
   */
  readonly reason: "malformed" | "unknown_key" | "not_authentic" | "unknown_shape";
  constructor(reason: SealError["reason"]) {
    super(`Sealed text cannot be opened: ${reason}`);
    this.name = "SealError";
    this.reason = reason;
  }
}

export interface Keyring {
  sealingKid: string;
  key(kid: string): Promise<CryptoKey> | undefined;
}

/** @param keys the first key seals; every key opens */
export function createKeyring(keys: { kid: string; key: Uint8Array<ArrayBuffer> }[]): Keyring {
  const [first] = keys;
  if (!first) throw new Error("A keyring needs at least one key");
  const imported = new Map<string, Promise<CryptoKey>>();
  return {
    sealingKid: first.kid,
    key(kid) {
      const known = imported.get(kid);
      if (known) return known;
      const raw = keys.find((entry) => entry.kid === kid)?.key;
      if (!raw) return undefined;
      const key = crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
      imported.set(kid, key);
      return key;
    },
  };
}

const encode = (bytes: Uint8Array) => bytes.toBase64({ alphabet: "base64url", omitPadding: true });

function decode(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    throw new SealError("malformed");
  }
}

const boundTo = (purpose: string) => new TextEncoder().encode(purpose);

/** Seals `text` for one purpose with the first key. */
export async function sealText(keyring: Keyring, purpose: string, text: string): Promise<string> {
  const key = await keyring.key(keyring.sealingKid);
  if (!key) throw new SealError("unknown_key");
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: boundTo(purpose) },
    key,
    new TextEncoder().encode(text),
  );
  return `${keyring.sealingKid}.${encode(iv)}.${encode(new Uint8Array(sealed))}`;
}

/**
 * Opens a text that `sealText` sealed for the same purpose.
 * @throws {SealError}
 */
export async function openText(keyring: Keyring, purpose: string, sealed: string): Promise<string> {
  const [kid, iv, ciphertext, ...rest] = sealed.split(".");
  if (!kid || !iv || !ciphertext || rest.length > 0) throw new SealError("malformed");
  const key = await keyring.key(kid);
  if (!key) throw new SealError("unknown_key");
  try {
    const opened = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: decode(iv), additionalData: boundTo(purpose) },
      key,
      decode(ciphertext),
    );
    return new TextDecoder().decode(opened);
  } catch (error) {
    if (error instanceof SealError) throw error;
    throw new SealError("not_authentic");
  }
}

/** Whether `sealed` was sealed with the first key. */
export function isSealedWithCurrentKey(keyring: Keyring, sealed: string): boolean {
  return sealed.startsWith(`${keyring.sealingKid}.`);
}
