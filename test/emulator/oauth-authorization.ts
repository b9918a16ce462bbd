import * as z from "zod";
import type { OAuthClient } from "./account.ts";

/** The request for which an authorization code was issued. */
export interface Authorization {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** PKCE S256 challenge. */
  readonly challenge: string | null;
  readonly nonce: string | null;
}

/** The result of the authorization page: an error page, or a redirect of the browser. */
export type AuthorizationOutcome =
  | { readonly kind: "refused"; readonly message: string }
  | {
      readonly kind: "error";
      readonly redirectUri: string;
      readonly state: string | null;
      readonly error: string;
    }
  | { readonly kind: "granted"; readonly state: string | null; readonly authorization: Authorization };

const AuthorizationQuery = z.object({
  response_type: z.literal("code"),
  scope: z.string().min(1),
  // The SHA-256 hash of the verifier, 32 bytes in base64url.
  code_challenge: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/)
    .optional(),
  code_challenge_method: z.literal("S256").optional(),
  nonce: z.string().optional(),
});

const CLASSIC_SCOPES = ["openid", "read", "write"];
const SCOPED_SCOPE = /^(openid|[a-z_]+\.(read|write))$/;

function isRedirectAllowed(client: OAuthClient, redirectUri: string): boolean {
  if (client.redirectUris.length > 0) return client.redirectUris.includes(redirectUri);
  return z.url({ protocol: /^https?$/ }).safeParse(redirectUri).success;
}

function grantableScopes(client: OAuthClient, asked: string): string[] {
  return asked
    .split(" ")
    .filter((scope) => (client.scoped ? SCOPED_SCOPE.test(scope) : CLASSIC_SCOPES.includes(scope)))
    .filter((scope) => client.scopes === null || client.scopes.includes(scope));
}

/**
 * Answers `GET /oauth/authorize`. The user consents immediately unless `denied` is true. An unknown client or redirect
 * URI gets an error page, never a redirect.
 */
export function authorize(
  query: URLSearchParams,
  client: OAuthClient | undefined,
  denied: boolean,
): AuthorizationOutcome {
  if (client === undefined) return { kind: "refused", message: "unknown client_id" };
  const redirectUri = query.get("redirect_uri") ?? "";
  if (!isRedirectAllowed(client, redirectUri))
    return { kind: "refused", message: "redirect_uri is not registered" };
  const state = query.get("state");
  if (denied) return { kind: "error", redirectUri, state, error: "access_denied" };
  const parsed = AuthorizationQuery.safeParse(Object.fromEntries(query));
  if (!parsed.success) return { kind: "error", redirectUri, state, error: "invalid_request" };
  const { scope, code_challenge: challenge, code_challenge_method: method, nonce } = parsed.data;
  const pkce = challenge !== undefined && method !== undefined;
  // Scoped apps need PKCE. An incomplete PKCE request is an error for any app.
  if (!pkce && (client.scoped || challenge !== undefined || method !== undefined)) {
    return { kind: "error", redirectUri, state, error: "invalid_request" };
  }
  const scopes = grantableScopes(client, scope);
  if (scopes.length === 0) return { kind: "error", redirectUri, state, error: "invalid_scope" };
  const authorization: Authorization = {
    clientId: client.clientId,
    redirectUri,
    scopes,
    challenge: challenge ?? null,
    nonce: nonce ?? null,
  };
  return { kind: "granted", state, authorization };
}

/** Returns the address to which the browser is redirected. */
export function callbackUrl(redirectUri: string, parameters: Record<string, string | null>): string {
  const url = new URL(redirectUri);
  for (const [name, value] of Object.entries(parameters))
    if (value !== null) url.searchParams.set(name, value);
  return url.href;
}
