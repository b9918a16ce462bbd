import type { Account } from "../emulator/pagerduty.ts";
import type { Reply, Worker } from "./worker.ts";
import { startWorld, type World } from "./world.ts";

/** Signs in with PagerDuty, acting as Aurora's server and as the browser. */

export const CLIENT_ID = "aurora-client-id";
export const CLIENT_SECRET = "aurora client+secret/with=odd&characters";
export const FRONTEND = "https://aurora.example.com";

/** Starts a world whose Worker has an OAuth app. */
export const startOAuthWorld = (variables: Record<string, string | null> = {}): Promise<World> =>
  startWorld({
    FRONTEND_URL: FRONTEND,
    NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
    PAGERDUTY_CLIENT_ID: CLIENT_ID,
    PAGERDUTY_CLIENT_SECRET: CLIENT_SECRET,
    ...variables,
  });

export interface AppOptions {
  scoped?: boolean;
  scopes?: string[];
  clientSecret?: string;
}

/** Registers the Worker's OAuth app with an account. */
export function registerApp(account: Account, options: AppOptions = {}): Account {
  account.oauthClients.set(CLIENT_ID, {
    clientId: CLIENT_ID,
    clientSecret: options.clientSecret ?? CLIENT_SECRET,
    scoped: options.scoped ?? true,
    redirectUris: [],
    scopes: options.scopes ?? null,
  });
  return account;
}

export const login = (worker: Worker, user: string, body: object = {}, orgId: string | null = null) =>
  worker.call(user, "POST", "/pagerduty/oauth/login", { body, headers: { "x-org-id": orgId } });

/** Starts a sign-in, and returns the address that Aurora's UI opens. */
export async function signInAddress(worker: Worker, user: string, body: object = {}): Promise<URL> {
  const reply = await login(worker, user, body);
  if (reply.status !== 200) throw new Error(`The login failed: ${reply.text}`);
  return new URL(addressIn(reply));
}

function addressIn({ body, text }: Reply): string {
  if (typeof body === "object" && body !== null && "oauth_url" in body) return String(body.oauth_url);
  throw new Error(`There is no oauth_url in ${text}`);
}

/** Consents at PagerDuty, and returns the address to which PagerDuty redirects the browser. */
export async function consent(address: URL): Promise<URL> {
  const response = await fetch(address, { redirect: "manual" });
  const location = response.headers.get("location");
  if (!location) throw new Error(`PagerDuty did not send the browser back: ${await response.text()}`);
  return new URL(location);
}

/** Opens the callback, and returns the address to which the Worker redirects the browser. */
export async function follow(worker: Worker, callback: URL): Promise<string> {
  const reply = await worker.request(callback.pathname + callback.search);
  if (reply.status !== 302) throw new Error(`The callback answered ${reply.status}: ${reply.text}`);
  return reply.headers.get("location") ?? "";
}

/** Does a complete sign-in, and returns the last address of the browser. */
export async function signIn(worker: Worker, user: string, body: object = {}): Promise<string> {
  return follow(worker, await consent(await signInAddress(worker, user, body)));
}

export const SUCCESS = `${FRONTEND}/pagerduty/auth/callback?oauth=success`;
export const failed = (error: string) => `${FRONTEND}/pagerduty/auth/callback?oauth=failed&error=${error}`;
