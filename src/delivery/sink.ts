import { Webhook } from "standardwebhooks";
import { withDeadline } from "../limits.ts";
import { parseRetryAfter } from "../retry-timing.ts";
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
export async function send(outgoing: Outgoing): Promise<AttemptOutcome> {
  try {
    return await withDeadline(TIMEOUT_MS, async (signal): Promise<AttemptOutcome> => {
      const response = await fetch(outgoing.url, {
        method: "POST",
        headers: { ...outgoing.headers, "user-agent": "aurora-pagerduty-edge" },
        body: outgoing.body,
        redirect: "manual",
        signal,
      });
      await response.body?.cancel();
      if (response.ok) return { kind: "accepted" };
      return {
        kind: "failed",
        error: `Aurora answered ${response.status}`,
        retryAfterSeconds: parseRetryAfter(response.headers.get("retry-after"), Date.now()),
      };
    });
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === "TimeoutError";
    return {
      kind: "failed",
      error: timedOut ? `Aurora did not answer within ${TIMEOUT_MS / 1000} s` : "Aurora could not be reached",
      retryAfterSeconds: null,
    };
  }
}
