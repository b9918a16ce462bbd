import { Webhook } from "standardwebhooks";
import { outcomeOf } from "../aurora/answer.ts";
import { type AuroraTarget, callAurora } from "../aurora/calls.ts";
import type { Config } from "../config.ts";
import { parseRetryAfter } from "../retry-timing.ts";
import { adviceFor } from "./advice.ts";
import type { AttemptOutcome } from "./schedule.ts";

/** One HTTP request to Aurora with one notification, and its result. */

/** How long Aurora may take to answer. */
const TIMEOUT_MS = 15_000;

/** A POST request. */
export interface Outgoing {
  url: string;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer>;
}

/** Signs a notification (https://www.standardwebhooks.com). `messageId` is the same on every attempt. */
export function signedRequest(
  url: string,
  secret: string,
  messageId: string,
  body: string,
  now: Date,
): Outgoing {
  return {
    url,
    headers: {
      "content-type": "application/json",
      "webhook-id": messageId,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
      "webhook-signature": new Webhook(secret).sign(messageId, now, body),
    },
    body,
  };
}

/** Relays PagerDuty's body to Aurora, unchanged, with PagerDuty's own signature. */
export function relayedRequest(
  urlTemplate: string,
  userId: string,
  webhook: { id: string; signature: string; body: Uint8Array<ArrayBuffer> },
): Outgoing {
  return {
    url: urlTemplate.replaceAll("{user_id}", userId),
    headers: {
      "content-type": "application/json",
      "x-pagerduty-signature": webhook.signature,
      "x-webhook-id": webhook.id,
    },
    body: webhook.body,
  };
}

/** Sends once. Never throws: a failure is a result. */
export async function send(
  target: AuroraTarget,
  events: NonNullable<Config["events"]>,
  outgoing: Outgoing,
): Promise<AttemptOutcome> {
  const answer = await callAurora(target, { ...outgoing, method: "POST", timeoutMs: TIMEOUT_MS });
  const isAnswered = answer.kind === "answered";
  if (isAnswered && answer.status >= 200 && answer.status < 300) return { kind: "accepted" };
  return {
    kind: "failed",
    error: `Aurora ${outcomeOf(answer)}`,
    advice: isAnswered ? adviceFor(answer.status, events) : null,
    retryAfterSeconds: isAnswered ? parseRetryAfter(answer.retryAfter, Date.now()) : null,
  };
}
