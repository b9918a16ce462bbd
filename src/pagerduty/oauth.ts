import {
  type AuthorizationServer,
  allowInsecureRequests,
  ClientSecretPost,
  calculatePKCECodeChallenge,
  genericTokenEndpointRequest,
  processRefreshTokenResponse,
  ResponseBodyError,
} from "oauth4webapi";
import * as z from "zod/mini";
import { $ZodError } from "zod/v4/core";
import { discard, readText, withDeadline } from "../limits.ts";
import { retryAfterOf } from "./api.ts";

/**
 * Builds the sign-in URL of PagerDuty's identity server, exchanges a code for tokens, and refreshes tokens.
 * https://developer.pagerduty.com/docs/oauth-functionality
 *
 * Expected failures are returned, not thrown. None of them holds a token, a code or the client secret.
 */

/** Our OAuth app as registered with PagerDuty. `identityUrl` has no trailing slash. */
export interface OAuthApp {
  identityUrl: string;
  clientId: string;
  clientSecret: string;
}

export interface TokenSet {
  accessToken: string;
  /** Null if the access token cannot be refreshed. */
  refreshToken: string | null;
  expiresInSeconds: number;
  /** Null if the answer has no `scope`, which means that all requested scopes were granted (RFC 6749, 5.1). */
  scopes: string[] | null;
  /** Not verified yet; null if the answer has no ID token. */
  idToken: string | null;
}

export type TokenProblem =
  /** The code or refresh token was used or revoked, has expired, or belongs to another app. It never works again. */
  | { problem: "invalid_grant" }
  /** Any other OAuth error. An operator has to correct the app's registration or secret. */
  | { problem: "rejected"; reason: string }
  | { problem: "rate_limited"; retryAfterSeconds: number }
  /** A timeout, no connection, a 5xx, or an answer that is too large or cannot be parsed. */
  | { problem: "unavailable"; reason: string };

export type TokenAnswer = { ok: true; tokens: TokenSet } | ({ ok: false } & TokenProblem);

/** A user waits for the exchange. */
const EXCHANGE_TIMEOUT_MS = 20_000;
/**
 * Calls to PagerDuty may wait for a refresh, so the limit is short. An even shorter limit could lose the new refresh
 * token, and the old token works only once.
 */
const REFRESH_TIMEOUT_MS = 10_000;
/** A real answer holds three tokens and a few short members. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** RFC 6749 does not require `expires_in` in an answer. */
const DEFAULT_LIFE_SECONDS = 3600;
/** PagerDuty's longest token lifetime is 30 days. More than a year is a mistake. */
const MAX_LIFE_SECONDS = 365 * 24 * 3600;
/** A token must fit into a header. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** The identity server's metadata, as oauth4webapi expects it. */
export function serverOf(app: OAuthApp): AuthorizationServer & { jwks_uri: string } {
  const issuer = `${app.identityUrl}/global/oauth/anonymous`;
  return { issuer, token_endpoint: `${app.identityUrl}/oauth/token`, jwks_uri: `${issuer}/jwks` };
}

/** oauth4webapi refuses plain http, which only an emulator on this machine uses. */
function insecureOption(app: OAuthApp) {
  return { [allowInsecureRequests]: app.identityUrl.startsWith("http:") };
}

export interface SignInRequest {
  redirectUri: string;
  /** Separated by spaces. */
  scopes: string;
  state: string;
  nonce: string;
  /** The PKCE code verifier. The URL holds only its SHA-256. */
  verifier: string;
}

export async function authorizationUrl(
  app: Pick<OAuthApp, "identityUrl" | "clientId">,
  request: SignInRequest,
): Promise<string> {
  const url = new URL(`${app.identityUrl}/oauth/authorize`);
  url.search = new URLSearchParams({
    response_type: "code",
    client_id: app.clientId,
    redirect_uri: request.redirectUri,
    scope: request.scopes,
    state: request.state,
    nonce: request.nonce,
    code_challenge: await calculatePKCECodeChallenge(request.verifier),
    code_challenge_method: "S256",
  }).toString();
  return url.href;
}

/** Redeems an authorization code, which is valid for 30 s and works once. */
export const exchangeCode = (
  app: OAuthApp,
  redemption: { code: string; redirectUri: string; verifier: string },
): Promise<TokenAnswer> =>
  requestTokens(app, EXCHANGE_TIMEOUT_MS, "authorization_code", {
    code: redemption.code,
    redirect_uri: redemption.redirectUri,
    code_verifier: redemption.verifier,
  });

/** Exchanges a refresh token, which works once, for new tokens. */
export const refreshTokens = (app: OAuthApp, refreshToken: string): Promise<TokenAnswer> =>
  requestTokens(app, REFRESH_TIMEOUT_MS, "refresh_token", { refresh_token: refreshToken });

async function requestTokens(
  app: OAuthApp,
  timeoutMs: number,
  grantType: "authorization_code" | "refresh_token",
  parameters: Record<string, string>,
): Promise<TokenAnswer> {
  const client = { client_id: app.clientId };
  // The client secret is a form field, as in PagerDuty's guide. No Basic Authorization header is used.
  const secret = ClientSecretPost(app.clientSecret);
  try {
    return await withDeadline(timeoutMs, async (signal) => {
      const options = { signal, ...insecureOption(app) };
      const server = serverOf(app);
      return readAnswer(
        app,
        await genericTokenEndpointRequest(server, client, secret, grantType, parameters, options),
      );
    });
  } catch (error) {
    return { ok: false, ...problemOf(error, timeoutMs) };
  }
}

async function readAnswer(app: OAuthApp, response: Response): Promise<TokenAnswer> {
  if (response.status === 429) {
    await discard(response);
    return { ok: false, problem: "rate_limited", retryAfterSeconds: retryAfterOf(response.headers) };
  }
  const text = response.status < 500 ? await readText(response, MAX_ANSWER_BYTES) : null;
  if (text === null) {
    await discard(response);
    return { ok: false, problem: "unavailable", reason: `PagerDuty's sign-in answered ${response.status}` };
  }
  const { id_token: idToken, ...rest } = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  // The ID token is verified separately. An invalid ID token must not discard the other tokens, because the exchanged
  // code or refresh token works only once.
  const answer = Response.json(asBearer(rest), { status: response.status });
  const tokens = await processRefreshTokenResponse(serverOf(app), { client_id: app.clientId }, answer);
  const { access_token: accessToken, refresh_token: refreshToken = null } = tokens;
  if (!TOKEN.test(accessToken) || (refreshToken !== null && !TOKEN.test(refreshToken))) {
    return { ok: false, problem: "unavailable", reason: "PagerDuty's sign-in returned a malformed token" };
  }
  return {
    ok: true,
    tokens: {
      accessToken,
      refreshToken,
      expiresInSeconds: Math.min(tokens.expires_in ?? DEFAULT_LIFE_SECONDS, MAX_LIFE_SECONDS),
      scopes: tokens.scope === undefined ? null : scopeList(tokens.scope),
      // An ID token that is not a string becomes "", which never verifies.
      idToken: idToken == null ? null : typeof idToken === "string" ? idToken : "",
    },
  };
}

/** Drops null members, and adds `token_type` if it is missing. Otherwise oauth4webapi would refuse the answer. */
function asBearer(answer: Record<string, unknown>): Record<string, unknown> {
  const given = Object.entries(answer).filter(([, value]) => value !== null);
  return { token_type: "bearer", ...Object.fromEntries(given) };
}

/** Returns the scopes of a space-separated list, without duplicates. */
export function scopeList(scopes: string): string[] {
  return [...new Set(scopes.split(/\s+/).filter((scope) => scope !== ""))];
}

/** Reports only codes and statuses: oauth4webapi's messages and causes can contain the answer's tokens. */
function problemOf(error: unknown, timeoutMs: number): TokenProblem {
  if (error instanceof ResponseBodyError) {
    if (error.error === "invalid_grant") return { problem: "invalid_grant" };
    const code = /^[a-z_]{1,40}$/.test(error.error) ? error.error : "an error";
    return { problem: "rejected", reason: `PagerDuty's sign-in answered ${error.status} ${code}` };
  }
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return {
      problem: "unavailable",
      reason: `PagerDuty's sign-in did not answer within ${timeoutMs / 1000} s`,
    };
  }
  if (error instanceof SyntaxError || error instanceof $ZodError || hasLibraryCode(error)) {
    return { problem: "unavailable", reason: "PagerDuty's sign-in gave an answer that cannot be parsed" };
  }
  return { problem: "unavailable", reason: "PagerDuty's sign-in could not be reached" };
}

function hasLibraryCode(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("OAUTH_");
}
