import { type Config, oauthAppOf } from "../config.ts";
import { type CheckedCredential, checkBearer } from "../connection/identify.ts";
import type { LoginState } from "../connection/login-state.ts";
import { AppError } from "../errors.ts";
import { log } from "../log.ts";
import { bearerAuthorization } from "../pagerduty/api.ts";
import { type SignedIn, verifyIdToken, whyNotVerified } from "../pagerduty/id-token.ts";
import { exchangeCode, type OAuthApp, scopeList, type TokenSet } from "../pagerduty/oauth.ts";
import type { Connecting, OAuthTokens } from "./connect.ts";

/** The second half of a sign-in: the code for tokens, the tokens for a connection. */

/** How it ended; the words that the browser is sent back with. */
export type SignInOutcome = "success" | "invalid" | "exchange_failed" | "validation_failed" | "unexpected";

/**
 * Redeems the code that PagerDuty sent back for `login`, finds out whose account it is, and connects.
 * The login has been used up by then, whatever comes of this.
 */
export async function finishSignIn(
  config: Config,
  connecting: Connecting,
  login: LoginState,
  code: string,
): Promise<SignInOutcome> {
  const { userId, orgId, redirectUri, verifier } = login;
  const app = oauthAppOf(config);
  if (!app) return ended(userId, "unexpected", "PAGERDUTY_CLIENT_ID or PAGERDUTY_CLIENT_SECRET is not set");
  const attempt = connecting.attempt();
  const answer = await exchangeCode(app, { code, redirectUri, verifier });
  if (!answer.ok) {
    return ended(userId, "exchange_failed", "reason" in answer ? answer.reason : answer.problem);
  }
  const signedIn = await signedInOf(app, answer.tokens, login, config.pagerdutyApiUrl);
  if (signedIn && "fault" in signedIn) return ended(userId, "validation_failed", signedIn.fault);
  try {
    const checked = await identifyOwner(answer.tokens, signedIn, config.pagerdutyApiUrl);
    const tokens = tokensOf(answer.tokens, login, Date.now());
    await connecting.connectOAuth(attempt, { userId, orgId }, checked, tokens);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    // Disconnected since it began: like a sign-in that was begun before, it is not wanted any more.
    if (error.code === "not_connected") return ended(userId, "invalid", error.message);
    return ended(userId, "validation_failed", error.code);
  }
  return "success";
}

function ended(userId: string, outcome: SignInOutcome, reason: string): SignInOutcome {
  log.warn("oauth.sign_in_failed", { userId, outcome, reason });
  return outcome;
}

/** Null where PagerDuty sent no ID token: then its API says whose account it is. */
async function signedInOf(
  app: OAuthApp,
  { idToken }: TokenSet,
  { nonce }: LoginState,
  apiUrl: string | null,
): Promise<SignedIn | { fault: string } | null> {
  if (idToken === null) return null;
  try {
    return await verifyIdToken(app, idToken, nonce, apiUrl);
  } catch (error) {
    return { fault: `The ID token does not verify: ${whyNotVerified(error)}` };
  }
}

/** @throws {AppError} when PagerDuty's API does not know the token, or cannot be asked */
async function identifyOwner(
  tokens: TokenSet,
  signedIn: SignedIn | null,
  apiUrl: string | null,
): Promise<CheckedCredential> {
  const authorization = bearerAuthorization(tokens.accessToken);
  const checked = await checkBearer(authorization, signedIn?.region ?? undefined, apiUrl);
  return {
    ...checked,
    // What is signed comes before what is read off an address.
    subdomain: signedIn?.subdomain ?? checked.subdomain,
    email: checked.email ?? signedIn?.email ?? null,
  };
}

function tokensOf(tokens: TokenSet, login: LoginState, nowMs: number): OAuthTokens {
  const requestedScopes = scopeList(login.scopes);
  const granted = tokens.scopes ?? requestedScopes;
  return {
    accessToken: tokens.accessToken,
    refreshToken: tokens.refreshToken,
    expiresAtMs: nowMs + tokens.expiresInSeconds * 1000,
    obtainedAtMs: nowMs,
    refreshed: false,
    accessRefusedAtMs: null,
    requestedScopes,
    // An ID token is what `openid` is for, whether the answer names it again or not.
    grantedScopes: scopeList([...granted, ...(tokens.idToken === null ? [] : ["openid"])].join(" ")),
  };
}
