import { type Config, oauthAppOf } from "../config.ts";
import { type CheckedCredential, checkBearer } from "../connection/identify.ts";
import type { LoginState } from "../connection/login-state.ts";
import { AppError } from "../errors.ts";
import { log } from "../log.ts";
import { bearerAuthorization } from "../pagerduty/api.ts";
import { type SignedIn, verifyIdToken, whyNotVerified } from "../pagerduty/id-token.ts";
import { exchangeCode, type OAuthApp, scopeList, type TokenSet } from "../pagerduty/oauth.ts";
import type { Connecting, OAuthTokens } from "./connect.ts";

/** The second half of a sign-in: exchanges the code for tokens, and connects with them. */

/** The result of a sign-in, which the redirect passes to the browser. */
export type SignInOutcome = "success" | "invalid" | "exchange_failed" | "validation_failed" | "unexpected";

/** The caller has already removed the login's id, so a login cannot be finished twice, even after a failure. */
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
    // A disconnect cancels every sign-in that started earlier.
    if (error.code === "not_connected") return ended(userId, "invalid", error.message);
    return ended(userId, "validation_failed", error.code);
  }
  return "success";
}

function ended(userId: string, outcome: SignInOutcome, reason: string): SignInOutcome {
  log.warn("oauth.sign_in_failed", { userId, outcome, reason });
  return outcome;
}

/** Returns null if there is no ID token. PagerDuty's API then identifies the account. */
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

/** @throws {AppError} if PagerDuty's API refuses the access token, or does not answer */
async function identifyOwner(
  tokens: TokenSet,
  signedIn: SignedIn | null,
  apiUrl: string | null,
): Promise<CheckedCredential> {
  const authorization = bearerAuthorization(tokens.accessToken);
  const checked = await checkBearer(authorization, signedIn?.region ?? undefined, apiUrl);
  return {
    ...checked,
    // The subdomain in the signed ID token takes precedence over the subdomain that was read from a URL.
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
    // An ID token means that `openid` was granted, even if the answer does not list it.
    grantedScopes: scopeList([...granted, ...(tokens.idToken === null ? [] : ["openid"])].join(" ")),
  };
}
