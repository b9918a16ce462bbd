/** What stands behind an access token: ends when the user takes the consent back. */
export interface Grant {
  readonly clientId: string;
  readonly scoped: boolean;
  readonly scopes: readonly string[];
  readonly nonce: string | null;
  revoked: boolean;
}

/** Something that a REST call can be made with. */
export type Credential =
  | { readonly kind: "user" | "account"; readonly write: boolean }
  | {
      readonly kind: "oauth";
      readonly grant: Grant;
      readonly scopes: readonly string[];
      readonly expiresAtMs: number;
    };

/** Whether it still counts at all. */
export function isInForce(credential: Credential, nowMs: number): boolean {
  return credential.kind !== "oauth" || (!credential.grant.revoked && nowMs < credential.expiresAtMs);
}

/**
 * Whether it may make a call.
 * @param scope the scope that a Scoped app needs for it; null when every token may.
 */
export function isAllowed(credential: Credential, scope: string | null, writes: boolean): boolean {
  if (credential.kind !== "oauth") return credential.write || !writes;
  const { scopes } = credential;
  if (!credential.grant.scoped) return scopes.includes("write") || (!writes && scopes.includes("read"));
  return scope === null || scopes.includes(scope);
}
