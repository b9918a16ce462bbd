import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import type { IdTokenFault } from "./faults.ts";

const ID_TOKEN_LIFE_SECONDS = 3600;
const RSA_BITS = 2048;

interface KeyPair {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface IdTokenSubject {
  readonly issuer: string;
  readonly clientId: string;
  /** The REST API of the account's region. */
  readonly apiUrl: string;
  readonly nonce: string | null;
  readonly claims: Record<string, unknown>;
}

/** Signs ID tokens (RS256), and publishes the key that verifies them. */
export class IdTokenSigner {
  #current: KeyPair | null = null;

  jwks(): { keys: Record<string, unknown>[] } {
    const { kid, publicKey } = this.#keyPair();
    return { keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] };
  }

  rotate(): void {
    this.#current = null;
  }

  sign(subject: IdTokenSubject, fault: IdTokenFault | null): string {
    const { kid, privateKey } = this.#keyPair();
    const content = [{ alg: "RS256", kid }, payloadOf(subject, fault)]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    // For `bad_signature`: a well-formed signature of different content.
    const signed = fault === "bad_signature" ? `${content}.` : content;
    return `${content}.${sign("RSA-SHA256", Buffer.from(signed), privateKey).toString("base64url")}`;
  }

  /** Creates the key on first use, because creating a key takes longer than most tests. */
  #keyPair(): KeyPair {
    this.#current ??= {
      kid: randomUUID(),
      ...generateKeyPairSync("rsa", { modulusLength: RSA_BITS }),
    };
    return this.#current;
  }
}

function payloadOf(subject: IdTokenSubject, fault: IdTokenFault | null): Record<string, unknown> {
  const issuedAt = Math.floor(Date.now() / 1000) - (fault === "expired" ? 2 * ID_TOKEN_LIFE_SECONDS : 0);
  const audience = fault === "wrong_audience" ? "someone-else" : subject.clientId;
  const nonce = fault === "wrong_nonce" ? "not-the-nonce" : subject.nonce;
  return {
    iss: fault === "wrong_issuer" ? "https://identity.invalid/global/oauth/anonymous" : subject.issuer,
    aud: [audience, subject.apiUrl],
    azp: audience,
    iat: issuedAt,
    nbf: issuedAt,
    exp: issuedAt + ID_TOKEN_LIFE_SECONDS,
    jti: randomUUID(),
    purpose: "id",
    ...(nonce === null ? {} : { nonce }),
    ...subject.claims,
  };
}
