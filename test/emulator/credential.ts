/** A user's consent to an OAuth app. */
export interface Grant {
  readonly clientId: string;
  readonly scoped: boolean;
  readonly scopes: readonly string[];
  readonly nonce: string | null;
  revoked: boolean;
}

/** An API key or an access token. */
export type Credential =
  | { readonly kind: "user" | "account"; readonly write: boolean }
  | {
      readonly kind: "oauth";
      readonly grant: Grant;
      readonly scopes: readonly string[];
      readonly expiresAtMs: number;
    };

/** Returns true if the credential is neither revoked nor expired. */
export function isInForce(credential: Credential, nowMs: number): boolean {
  return credential.kind !== "oauth" || (!credential.grant.revoked && nowMs < credential.expiresAtMs);
}

/**
 * Returns true if the credential may make a call. @param scope the scope that a Scoped app needs for the call; null if
 * the call needs no scope
 */
export function isAllowed(credential: Credential, scope: string | null, writes: boolean): boolean {
  if (credential.kind !== "oauth") return credential.write || !writes;
  const { scopes } = credential;
  if (!credential.grant.scoped) return scopes.includes("write") || (!writes && scopes.includes("read"));
  return scope === null || scopes.includes(scope);
}
