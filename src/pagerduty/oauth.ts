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
 * PagerDuty's identity server: the address a user signs in at, a code for tokens, a refresh token for the next.
 * https://developer.pagerduty.com/docs/oauth-functionality
 *
 * Expected failures are values; none of them holds a token, a code or the secret.
 */

/** Our OAuth app, as it is registered with PagerDuty. `identityUrl` without a trailing slash. */
export interface OAuthApp {
  identityUrl: string;
  clientId: string;
  clientSecret: string;
}

export interface TokenSet {
  accessToken: string;
  /** Null: this access token cannot be followed by another one. */
  refreshToken: string | null;
  expiresInSeconds: number;
  /** Null: the answer does not say, which means what was asked for (RFC 6749, 5.1). */
  scopes: string[] | null;
  /** Not verified yet. */
  idToken: string | null;
}

export type TokenProblem =
  /** The code or refresh token is spent, revoked, expired or another's: it will never work again. */
  | { problem: "invalid_grant" }
  /** Any other OAuth error: the app's registration or secret, which an operator has to mend. */
  | { problem: "rejected"; reason: string }
  | { problem: "rate_limited"; retryAfterSeconds: number }
  /** No answer in time, no connection, a 5xx, or an answer that makes no sense. */
  | { problem: "unavailable"; reason: string };

export type TokenAnswer = { ok: true; tokens: TokenSet } | ({ ok: false } & TokenProblem);

/** A user waits in front of an exchange. */
const EXCHANGE_TIMEOUT_MS = 20_000;
/** Nobody waits in front of it; but an answer that is not waited for is a refresh token lost. */
const REFRESH_TIMEOUT_MS = 10_000;
/** Three tokens and a few words. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Where the answer does not say how long a token lives; RFC 6749 only recommends that it does. */
const DEFAULT_LIFE_SECONDS = 3600;
/** PagerDuty's longest is 30 days; more than a year is a mistake. */
const MAX_LIFE_SECONDS = 365 * 24 * 3600;
/** What a header can carry. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

/** The identity server as the library wants it described. */
export function serverOf(app: OAuthApp): AuthorizationServer & { jwks_uri: string } {
  const issuer = `${app.identityUrl}/global/oauth/anonymous`;
  return { issuer, token_endpoint: `${app.identityUrl}/oauth/token`, jwks_uri: `${issuer}/jwks` };
}

/** The library refuses plain http, which only an emulator on this machine speaks. */
function insecureOption(app: OAuthApp) {
  return { [allowInsecureRequests]: app.identityUrl.startsWith("http:") };
}

/** What goes into the address that the user signs in at. */
export interface SignInRequest {
  redirectUri: string;
  /** Separated by spaces. */
  scopes: string;
  state: string;
  nonce: string;
  /** PKCE; PagerDuty sees its SHA-256 only. */
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

/** Redeems an authorization code, which lives 30 s and works once. */
export const exchangeCode = (
  app: OAuthApp,
  redemption: { code: string; redirectUri: string; verifier: string },
): Promise<TokenAnswer> =>
  requestTokens(app, EXCHANGE_TIMEOUT_MS, "authorization_code", {
    code: redemption.code,
    redirect_uri: redemption.redirectUri,
    code_verifier: redemption.verifier,
  });

/** Trades a refresh token, which works once, for new tokens. */
export const refreshTokens = (app: OAuthApp, refreshToken: string): Promise<TokenAnswer> =>
  requestTokens(app, REFRESH_TIMEOUT_MS, "refresh_token", { refresh_token: refreshToken });

async function requestTokens(
  app: OAuthApp,
  timeoutMs: number,
  grantType: "authorization_code" | "refresh_token",
  parameters: Record<string, string>,
): Promise<TokenAnswer> {
  const client = { client_id: app.clientId };
  // In the form, as PagerDuty's guide has it; a header's Basic would be the alternative.
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
  // The ID token is looked at by itself: what is wrong with it must not cost the tokens beside it, because
  // the refresh token that they were traded for is spent.
  const answer = Response.json(asBearer(rest), { status: response.status });
  const tokens = await processRefreshTokenResponse(serverOf(app), { client_id: app.clientId }, answer);
  const { access_token: accessToken, refresh_token: refreshToken = null } = tokens;
  if (!TOKEN.test(accessToken) || (refreshToken !== null && !TOKEN.test(refreshToken))) {
    return { ok: false, problem: "unavailable", reason: "PagerDuty's sign-in answered with an odd token" };
  }
  return {
    ok: true,
    tokens: {
      accessToken,
      refreshToken,
      expiresInSeconds: Math.min(tokens.expires_in ?? DEFAULT_LIFE_SECONDS, MAX_LIFE_SECONDS),
      scopes: tokens.scope === undefined ? null : scopeList(tokens.scope),
      // What is no text at all cannot be verified either.
      idToken: idToken == null ? null : typeof idToken === "string" ? idToken : "",
    },
  };
}

/** Null is nothing, and a token of no type can only be a bearer's; the library is stricter than that. */
function asBearer(answer: Record<string, unknown>): Record<string, unknown> {
  const given = Object.entries(answer).filter(([, value]) => value !== null);
  return { token_type: "bearer", ...Object.fromEntries(given) };
}

/** The names in a space-separated list, each once. */
export function scopeList(scopes: string): string[] {
  return [...new Set(scopes.split(/\s+/).filter((scope) => scope !== ""))];
}

/** Codes and statuses only: the library's messages and causes can hold the answer. */
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
    return { problem: "unavailable", reason: "PagerDuty's sign-in gave an answer that makes no sense" };
  }
  return { problem: "unavailable", reason: "PagerDuty's sign-in could not be reached" };
}

function hasLibraryCode(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("OAUTH_");
}
