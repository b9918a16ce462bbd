import { Webhook } from "standardwebhooks";
import { outcomeOf } from "../aurora/answer.ts";
import { type AuroraTarget, callAurora, EDGE_HEADER } from "../aurora/calls.ts";
import type { Config } from "../config.ts";
import { parseRetryAfter } from "../retry-timing.ts";
import { adviceFor } from "./advice.ts";
import type { Body, Recipient } from "./bodies.ts";
import type { AttemptOutcome } from "./schedule.ts";

/** Sends one HTTP request with one body to Aurora, and returns the result. */

const TIMEOUT_MS = 15_000;

type Events = NonNullable<Config["events"]>;

/** Returns the URL to which the bodies for a recipient are sent. */
export const eventsUrl = ({ url }: Pick<Events, "url">, { userId }: Recipient): string =>
  url.replaceAll("{user_id}", userId);

/** Returns the URL to show to people: without its query, which may contain a secret. */
export const shownEventsUrl = (events: Pick<Events, "url">, recipient: Recipient): string =>
  eventsUrl(events, recipient).replace(/\?.*$/, "?…");

/**
 * Returns a hash of the format, the events URL and the recipient. These values are hashed because the URL may contain a
 * secret.
 */
export async function addressOf(
  events: Pick<Events, "url" | "format">,
  recipient: Recipient,
): Promise<string> {
  const parts = [events.format, eventsUrl(events, recipient), recipient.userId, recipient.orgId];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(parts)));
  return new Uint8Array(digest).toHex();
}

/**
 * Returns the headers of an attempt. If AURORA_EVENTS_SECRET is set, the headers include a signature
 * (https://www.standardwebhooks.com).
 */
function deliveryHeaders(
  { format, secret }: Pick<Events, "format" | "secret">,
  { id, text }: Body,
  now: Date,
): Record<string, string> {
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    ...(format === "v3" ? { "x-webhook-id": id } : {}),
    ...(secret === null ? {} : { "webhook-signature": new Webhook(secret).sign(id, now, text) }),
  };
}

/**
 * Returns the headers to show to people. Replaces secrets, and values that differ for each attempt, by words such as
 * `(when it is sent)`.
 */
export function shownHeaders(aurora: Config["aurora"], events: Events, body: Body): Record<string, string> {
  const isOwn = URL.parse(events.url)?.origin === aurora.origin;
  const own = isOwn ? Object.keys(aurora.headers).map((name) => [name, "(from AURORA_HEADERS)"]) : [];
  return {
    ...Object.fromEntries(own),
    ...deliveryHeaders({ format: events.format, secret: null }, body, new Date(0)),
    "webhook-timestamp": "(when it is sent)",
    ...(events.secret === null ? {} : { "webhook-signature": "(v1, by AURORA_EVENTS_SECRET)" }),
    [EDGE_HEADER]: "1",
  };
}

/** Sends one body once. Never throws: a failure is a result. */
export async function send(
  target: AuroraTarget,
  events: Events,
  recipient: Recipient,
  body: Body,
): Promise<AttemptOutcome> {
  const answer = await callAurora(target, {
    method: "POST",
    url: eventsUrl(events, recipient),
    headers: deliveryHeaders(events, body, new Date()),
    body: body.text,
    timeoutMs: TIMEOUT_MS,
  });
  const status = answer.kind === "answered" ? answer.status : null;
  if (status !== null && status >= 200 && status < 300) return { kind: "accepted", status };
  return {
    kind: "failed",
    cause: answer.kind,
    status,
    error: `Aurora ${outcomeOf(answer)}`,
    advice: status === null ? null : adviceFor(status, events),
    retryAfterSeconds: answer.kind === "answered" ? parseRetryAfter(answer.retryAfter, Date.now()) : null,
  };
}
