import { INTERNAL_SECRET } from "../bench/subjects.ts";
import { type Account, type Incident, type PagerDuty, sign } from "../emulator/pagerduty.ts";
import { type Happening, happenings, makeHistory } from "../support/history.ts";
import { seededRandom } from "../support/random.ts";
import { CLIENT_ID, CLIENT_SECRET, consent, registerApp } from "../support/sign-in.ts";
import type { Cluster } from "./cluster.ts";
import { LaggingRest } from "./lagging-rest.ts";

export interface Webhook {
  webhookId: string;
  body: string;
  incidentId: string;
}

export interface Organisation {
  readonly id: string;
  readonly account: Account;
  /** Null if the organisation is connected by OAuth. */
  apiKey: string | null;
  /** Whether the connector has the signing secret. If not, a person made the subscription and stored no secret. */
  readonly isSigned: boolean;
  readonly secret: string;
  readonly incidents: Incident[];
  /** The webhooks of all events that have happened so far. */
  readonly webhooks: Webhook[];
  /** The events that will happen during the faults. Empty if `isSigned`: then all events happen before the faults. */
  readonly future: Iterator<Happening, void>;
  /** The REST API with delays; null if the REST API shows each change immediately. */
  readonly rest: LaggingRest | null;
  /** The ids of the incidents that a stranger invented. */
  readonly invented: Set<string>;
  /** The user who connected the organisation. The subscription sends webhooks to this user's URL. */
  readonly founder: string;
  /** The users whose webhook URL always leads to this organisation. */
  readonly members: string[];
}

export const OAUTH_SETTINGS = {
  FRONTEND_URL: "https://aurora.example.com",
  NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
  PAGERDUTY_CLIENT_ID: CLIENT_ID,
  PAGERDUTY_CLIENT_SECRET: CLIENT_SECRET,
};

/** PagerDuty aborts a webhook that has no answer after 5 s, and sends the webhook again later. */
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
  webhook: Webhook,
): Promise<number> {
  return postUnsigned(cluster, user, { ...webhook, signature: sign(secret, webhook.body) });
}

/** Posts a webhook with any signature or none. */
export async function postUnsigned(
  cluster: Cluster,
  user: string,
  { webhookId, body, signature }: Omit<Webhook, "incidentId"> & { signature: string | null },
): Promise<number> {
  const headers = {
    "x-webhook-id": webhookId,
    ...(signature === null ? {} : { "x-pagerduty-signature": signature }),
  };
  const url = `${cluster.url}/pagerduty/webhook/${user}`;
  return (await request(url, { method: "POST", headers, body })).status;
}

/** Signs a user in at PagerDuty, and connects the organisation. @throws if PagerDuty or the connector refuses */
export async function signIn(
  cluster: Cluster,
  pagerduty: PagerDuty,
  account: Account,
  who: Who,
  subscribe: boolean,
) {
  registerApp(account);
  pagerduty.signedInAs = account;
  const login = await call(cluster, who, "POST", "/pagerduty/oauth/login", { subscribe });
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
  isSigned: boolean;
  /** The longest lag of PagerDuty's REST API behind the webhooks. */
  restLagMs: number;
  /** How far PagerDuty's clock is ahead of the connector's clock. */
  clockOffsetMs: number;
}

/**
 * Connects an organisation while nothing fails. If `isSigned`, all its events happen here. Otherwise each call of
 * `happenNext` lets one event happen.
 */
export async function found(cluster: Cluster, pagerduty: PagerDuty, plan: Plan): Promise<Organisation> {
  const { index, users, events, seed, oauth, isSigned, restLagMs, clockOffsetMs } = plan;
  const [founder = ""] = users;
  const id = `org-${index}`;
  const who = { user: founder, organisation: id };
  const account = pagerduty.account();
  account.clock.offsetMs = clockOffsetMs;
  // `sender.ts` sends the webhooks instead of the emulator.
  account.publish = () => undefined;
  const apiKey = oauth ? null : account.apiKey();
  if (apiKey === null) await signIn(cluster, pagerduty, account, who, isSigned);
  else {
    const input = { token: apiKey, subscribe: isSigned };
    const { status } = await call(cluster, who, "POST", "/pagerduty", input);
    if (status !== 200) throw new Error(`Connecting ${id} failed: ${status}`);
  }
  if (!isSigned) {
    const { body } = await call(cluster, who, "GET", "/pagerduty/webhook-url");
    account.subscribe({ url: String(body["webhookUrl"]) });
  }
  const [subscription] = account.subscriptions.values();
  if (!subscription) throw new Error(`${id} has no subscription`);
  const incidents = Math.max(1, Math.round(events / EVENTS_PER_INCIDENT));
  const options = { incidents, events, seed };
  const history = isSigned ? makeHistory(account, options) : { incidents: [], webhooks: [] };
  return {
    id,
    account,
    apiKey,
    isSigned,
    secret: subscription.secret,
    incidents: history.incidents,
    webhooks: history.webhooks.map((webhook) => named(id, webhook)),
    future: isSigned ? [].values() : happenings(account, options),
    rest: isSigned ? null : new LaggingRest(account, restLagMs, seededRandom(seed + 1)),
    invented: new Set(),
    founder,
    members: [founder],
  };
}

/** Webhook ids are unique in all of PagerDuty. */
const named = (organisationId: string, webhook: Webhook): Webhook => ({
  ...webhook,
  webhookId: `${organisationId}-${webhook.webhookId}`,
});

/** Lets the organisation's next event happen. @returns the webhook, or null if no event is left */
export function happenNext({ id, future, rest, incidents, webhooks }: Organisation): Webhook | null {
  const next = future.next();
  if (next.done) return null;
  const { incident } = next.value;
  if (!incidents.includes(incident)) incidents.push(incident);
  const webhook = named(id, next.value.webhook);
  webhooks.push(webhook);
  rest?.show(incident);
  return webhook;
}
