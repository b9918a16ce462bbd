import { type Context, Hono, type Next } from "hono";
import { generateRandomCodeVerifier, generateRandomNonce } from "oauth4webapi";
import { addressesOf, type Config, configOf, missingForOAuth, oauthAppOf } from "../config.ts";
import { LOGIN_LIFE_MS, type LoginState, openLogin, sealLogin } from "../connection/login-state.ts";
import { createKeyring } from "../connection/seal.ts";
import { LoginBody } from "../contract/requests.ts";
import { AppError, unwrap } from "../errors.ts";
import { describe, log, setReadableLogs } from "../log.ts";
import { authorizationUrl } from "../pagerduty/oauth.ts";
import type { SignInOutcome } from "../tenant/sign-in.ts";
import { tenantIdOf } from "../tenant-id.ts";
import { baseUrl, webhookUrl } from "./addresses.ts";
import { type AppEnv, tenantOf } from "./callers.ts";
import { jsonBody } from "./input.ts";
import { permissionFor } from "./permission.ts";
import { forgetTrust } from "./trust.ts";

/** Sign-in with PagerDuty. Aurora's server or the console starts it; PagerDuty sends the browser to the callback. */

/** The result of a sign-in. If the sign-in failed, the redirect contains this value as `error`. */
type Outcome = SignInOutcome | "oauth_not_enabled" | "access_denied";

/** PagerDuty's authorization codes have a few dozen characters. */
const MAX_CODE_CHARS = 2048;

/** `POST /pagerduty/oauth/login`, and the same route in the console's API. */
export const oauthLogin = new Hono<AppEnv>().post("/login", requireOAuth, jsonBody(LoginBody), async (c) => {
  const config = configOf(c.env);
  const app = appOf(config);
  const { subscribe, bind } = c.req.valid("json");
  const caller = c.get("caller");
  const login: LoginState = {
    id: crypto.randomUUID(),
    ...caller,
    verifier: generateRandomCodeVerifier(),
    nonce: generateRandomNonce(),
    redirectUri: `${baseUrl(config, c.req.url)}/pagerduty/oauth/callback`,
    scopes: config.oauth.scopes,
    binding: bind ? generateRandomNonce() : null,
    subscribe,
    isVisitor: c.get("isVisitor") ?? false,
    expiresAtMs: Date.now() + LOGIN_LIFE_MS,
  };
  unwrap(await tenantOf(c).beginLogin(caller, login.id, login.expiresAtMs));
  const state = await sealLogin(createKeyring(config.credentialsKeys), login);
  if (login.binding !== null) c.header("set-cookie", bindingCookie(login, login.binding));
  return c.json({ oauth_url: await authorizationUrl(app, { ...login, state }) });
});

/** Runs before the body is validated, so that a missing OAuth setup is reported first. @throws {AppError} */
async function requireOAuth(c: Context<AppEnv>, next: Next): Promise<void> {
  appOf(configOf(c.env));
  await next();
}

function appOf(config: Config) {
  if (!config.oauth.enabled) throw new AppError("oauth_not_enabled", "PagerDuty OAuth is not enabled");
  const app = oauthAppOf(config);
  if (app) return app;
  const missing = missingForOAuth(config).join(", ");
  throw new AppError("oauth_not_configured", `Missing OAuth credentials: ${missing}`);
}

/**
 * `GET /pagerduty/oauth/callback`, open to every browser. Always redirects to Aurora's UI or, without FRONTEND_URL, to
 * this Worker's start page. The result in the redirect is an `Outcome`, never text from the request. No object is
 * called before the parameter `state` is decrypted, so a forged call costs only a failed decryption.
 */
export const oauthCallback = new Hono<AppEnv>().get("/", async (c) => {
  // The URL of this call contains the authorization code, so the browser must not send this URL to the next page.
  c.header("referrer-policy", "no-referrer");
  const addresses = addressesOf(c.env);
  const address = addresses.frontendUrl
    ? `${addresses.frontendUrl}/pagerduty/auth/callback`
    : `${baseUrl(addresses, c.req.url)}/`;
  let outcome: Outcome = "unexpected";
  try {
    const config = configOf(c.env);
    setReadableLogs(config.dev);
    outcome = await finish(c, config);
  } catch (error) {
    log.error("oauth.callback_failed", { requestId: c.get("requestId"), error: describe(error) });
  }
  log.info("oauth.callback", { requestId: c.get("requestId"), outcome });
  return c.redirect(`${address}?oauth=${outcome === "success" ? "success" : `failed&error=${outcome}`}`, 302);
});

async function finish(c: Context<AppEnv>, config: Config): Promise<Outcome> {
  if (!config.oauth.enabled) return "oauth_not_enabled";
  const query = new URL(c.req.url).searchParams;
  if (query.getAll("error").includes("access_denied")) return "access_denied";
  const code = only(query, "code");
  const state = only(query, "state");
  // Hono also passes HEAD requests to this handler. A HEAD request must not use up the sign-in.
  if (query.has("error") || c.req.method !== "GET" || !code || !state || code.length > MAX_CODE_CHARS) {
    return "invalid";
  }
  const login = await openLogin(createKeyring(config.credentialsKeys), state, Date.now());
  if (!login || !isSameBrowser(login, c.req.header("cookie") ?? "")) return "invalid";
  // Aurora is asked before the sign-in is used up, so that the person can reload the page if Aurora does not answer.
  if (!login.isVisitor && !(await mayConnect(c.env, config, login))) return "validation_failed";
  try {
    const user = c.env.TENANT.getByName(tenantIdOf(login));
    return await user.finishLogin(login, code, webhookUrl(config, c.req.url, login.userId));
  } finally {
    forgetTrust(tenantIdOf(login));
  }
}

/**
 * Whether Aurora permits the user of a sign-in to connect the organisation.
 * @throws {AppError} if Aurora gives no decision
 */
async function mayConnect(env: Env, config: Config, { userId, orgId }: LoginState): Promise<boolean> {
  if (config.aurora.backendUrl === null) return true;
  if (orgId === null) return false;
  const permission = await permissionFor(env, { userId, orgId });
  if (permission.verdict === "unknown")
    throw new AppError("aurora_unavailable", `Aurora ${permission.reason}`);
  if (permission.verdict === "refused")
    log.warn("oauth.refused", { userId, orgId, reason: permission.words });
  return permission.verdict === "granted";
}

/**
 * Returns the cookie that binds a sign-in to the browser. Each sign-in has its own cookie, so that concurrent sign-ins
 * do not collide. The cookie is `Lax`, because browsers do not send a `Strict` cookie after PagerDuty's redirect.
 */
function bindingCookie({ id, redirectUri }: LoginState, binding: string): string {
  const { pathname, protocol } = new URL(redirectUri);
  // A local Worker has plain http, where some browsers drop Secure cookies.
  const secure = protocol === "https:" ? "; Secure" : "";
  const seconds = LOGIN_LIFE_MS / 1000;
  return `pagerduty_login_${id}=${binding}; Path=${pathname}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
}

function isSameBrowser({ id, binding }: LoginState, cookies: string): boolean {
  return binding === null || cookies.split(/;\s*/).includes(`pagerduty_login_${id}=${binding}`);
}

/**
 * Returns a parameter's value; null if the parameter is missing or repeated. OAuth forbids repeated parameters (RFC
 * 6749, 3.1).
 */
function only(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name);
  return values.length === 1 ? (values[0] ?? null) : null;
}
