import { INTERNAL_SECRET } from "../bench/subjects.ts";
import { type Account, type Incident, type PagerDuty, sign } from "../emulator/pagerduty.ts";
import { makeHistory } from "../support/history.ts";
import { CLIENT_ID, CLIENT_SECRET, consent, registerApp } from "../support/sign-in.ts";
import type { Cluster } from "./cluster.ts";

/** An organisation with its PagerDuty account, its members and its webhooks. */
export interface Organisation {
  readonly id: string;
  readonly account: Account;
  /** Null if the organisation is connected by OAuth. */
  apiKey: string | null;
  /** The signing secret of the subscription that the connector created. */
  readonly secret: string;
  readonly incidents: Incident[];
  readonly webhooks: { webhookId: string; body: string }[];
  /** The user who connected the organisation. The subscription sends webhooks to this user's URL. */
  readonly founder: string;
  /** The users whose webhook URL certainly leads to this organisation. */
  readonly members: string[];
}

export const OAUTH_SETTINGS = {
  FRONTEND_URL: "https://aurora.example.com",
  NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
  PAGERDUTY_CLIENT_ID: CLIENT_ID,
  PAGERDUTY_CLIENT_SECRET: CLIENT_SECRET,
};

/** PagerDuty aborts an attempt to send a webhook after 5 s, and sends it again later. */
const TIMEOUT_MS = 5_000;
const EVENTS_PER_INCIDENT = 12;

export interface Reply {
  /** 0 if there was no answer. */
  status: number;
  body: Record<string, unknown>;
}

/** Calls the connector as Aurora's server does. Never throws. */
export async function call(
  cluster: Cluster,
  { user, organisation }: { user: string; organisation: string },
  method: string,
  path: string,
  body?: object,
): Promise<Reply> {
  const headers = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": user, "x-org-id": organisation };
  return request(`${cluster.url}${path}`, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
}

async function request(url: string, init: RequestInit): Promise<Reply> {
  try {
    const answer = await fetch(url, {
      redirect: "manual",
      ...init,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    const body: unknown = text.startsWith("{") ? JSON.parse(text) : {};
    return { status: answer.status, body: typeof body === "object" && body !== null ? { ...body } : {} };
  } catch {
    return { status: 0, body: {} };
  }
}

/** Posts a webhook to a user's URL, as PagerDuty does. @returns the status; 0 if there was no answer */
export async function post(
  cluster: Cluster,
  user: string,
  { secret }: Organisation,
  { webhookId, body }: { webhookId: string; body: string },
): Promise<number> {
  const headers = { "x-webhook-id": webhookId, "x-pagerduty-signature": sign(secret, body) };
  const url = `${cluster.url}/pagerduty/webhook/${user}`;
  return (await request(url, { method: "POST", headers, body })).status;
}

/** Signs a user in at PagerDuty, and connects the organisation. @throws if the sign-in fails */
export async function signIn(cluster: Cluster, pagerduty: PagerDuty, account: Account, who: Who) {
  registerApp(account);
  pagerduty.signedInAs = account;
  const login = await call(cluster, who, "POST", "/pagerduty/oauth/login", { subscribe: true });
  const callback = await consent(new URL(String(login.body["oauth_url"])));
  const answer = await fetch(`${cluster.url}${callback.pathname}${callback.search}`, { redirect: "manual" });
  const location = answer.headers.get("location") ?? "";
  if (!location.endsWith("oauth=success")) throw new Error(`The sign-in ended at ${location}`);
}

interface Who {
  user: string;
  organisation: string;
}

export interface Plan {
  index: number;
  users: string[];
  events: number;
  seed: number;
  oauth: boolean;
  /** How far PagerDuty's clock is ahead of the connector's clock. */
  clockOffsetMs: number;
}

/** Connects an organisation while nothing fails, and creates its incidents and webhooks. */
export async function found(cluster: Cluster, pagerduty: PagerDuty, plan: Plan): Promise<Organisation> {
  const { index, users, events, seed, oauth, clockOffsetMs } = plan;
  const [founder = ""] = users;
  const id = `org-${index}`;
  const who = { user: founder, organisation: id };
  const account = pagerduty.account();
  account.clock.offsetMs = clockOffsetMs;
  const apiKey = oauth ? null : account.apiKey();
  if (apiKey === null) await signIn(cluster, pagerduty, account, who);
  else {
    const { status } = await call(cluster, who, "POST", "/pagerduty", { token: apiKey, subscribe: true });
    if (status !== 200) throw new Error(`Connecting ${id} failed: ${status}`);
  }
  const [subscription] = account.subscriptions.values();
  if (!subscription) throw new Error(`${id} has no subscription`);
  // Turns the subscription off meanwhile, because `story.ts` sends these webhooks instead of the emulator.
  subscription.active = false;
  const incidents = Math.max(1, Math.round(events / EVENTS_PER_INCIDENT));
  const history = makeHistory(account, { incidents, events, seed });
  subscription.active = true;
  const webhooks = history.webhooks.map(({ webhookId, body }) => ({ webhookId: `${id}-${webhookId}`, body }));
  const { secret } = subscription;
  return { id, account, apiKey, secret, incidents: history.incidents, webhooks, founder, members: [founder] };
}
