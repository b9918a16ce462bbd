import { Hono } from "hono";
import { configOf } from "../config.ts";
import { AppError } from "../errors.ts";
import { packMessage } from "../ingest/message.ts";
import { describe, log } from "../log.ts";
import { verifyingSecret } from "../user/secrets.ts";
import type { ReceivedWebhook } from "../user/webhook.ts";
import { type AppEnv, USER_ID } from "./auth.ts";
import { readBytes } from "./body.ts";
import { forgetTrust, trustOf } from "./trust.ts";

/**
 * Where PagerDuty posts. What it does with the answer decides the answer: 2xx within 5 s is done, 5xx and 429
 * come again for two days, any other 4xx is dropped at once, and three of those in a row switch the
 * subscription off. So nothing but a webhook that is surely not PagerDuty's gets a 4xx.
 * https://developer.pagerduty.com/docs/webhooks-overview
 */

/** PagerDuty drops larger ones itself. */
const MAX_BODY_BYTES = 256 * 1024;
const WEBHOOK_ID = /^[\x21-\x7e]{1,128}$/;
const RETRY_AFTER_SECONDS = 10;

type Verdict =
  | { verdict: "genuine"; connectionId: string; secretId: string }
  | { verdict: "unverifiable"; connectionId: string }
  | { verdict: "not_connected" | "refused" | "unreadable" | "too_many" };

export const webhook = new Hono<AppEnv>().post("/:userId", async (c) => {
  const userId = c.req.param("userId");
  if (!USER_ID.test(userId)) throw notConnected();
  const body = await readBytes(c.req.raw, MAX_BODY_BYTES);
  if (!body) throw new AppError("payload_too_large", `The body is larger than ${MAX_BODY_BYTES / 1024} KiB`);
  const signature = c.req.header("x-pagerduty-signature") ?? null;
  const requestId = c.get("requestId");
  try {
    const verdict = await judge(c.env, userId, signature, body);
    if (verdict.verdict !== "genuine") throw refusalOf(verdict);
    const received: ReceivedWebhook = {
      userId,
      connectionId: verdict.connectionId,
      webhookId: await webhookIdOf(c.req.header("x-webhook-id"), body),
      verification: "signature",
      secretId: verdict.secretId,
      signature,
      receivedAtMs: Date.now(),
      requestId,
      body,
    };
    await handOver(c.env, received);
    log.info("webhook.accepted", { requestId, userId, webhookId: received.webhookId, bytes: body.length });
    return c.json({ received: true }, 202);
  } catch (error) {
    if (error instanceof AppError) throw error;
    // KV, the Queue or the object failed: PagerDuty keeps it and tries again.
    throw new AppError("unavailable", "Temporarily unavailable, try again", {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      internal: describe(error),
    });
  }
});

/** By what this isolate or KV knows; and when that does not say yes, by what the user's object says. */
async function judge(
  env: Env,
  userId: string,
  signature: string | null,
  body: Uint8Array<ArrayBuffer>,
): Promise<Verdict> {
  const nowMs = Date.now();
  const trust = await trustOf(env, configOf(env), userId, nowMs).catch((error: unknown) => {
    log.warn("replica.unreadable", { userId, error: describe(error) });
    return null;
  });
  if (trust) {
    const secretId = await verifyingSecret(trust.keys, signature, body, nowMs);
    if (secretId) return { verdict: "genuine", connectionId: trust.connectionId, secretId };
  }
  forgetTrust(userId);
  const { success } = await env.REFUSED_WEBHOOKS.limit({ key: userId });
  if (!success) return { verdict: "too_many" };
  return env.PAGERDUTY_USER.getByName(userId).judge(signature, body);
}

const notConnected = () => new AppError("not_connected", "PagerDuty not connected for this user");

function refusalOf({ verdict }: Exclude<Verdict, { verdict: "genuine" }>): AppError {
  switch (verdict) {
    case "not_connected":
      return notConnected();
    case "unverifiable":
    case "refused":
      return new AppError("invalid_signature", "The signature does not match");
    case "unreadable":
      return new AppError("unavailable", "Temporarily unavailable, try again", { retryAfterSeconds: 60 });
    case "too_many":
      return new AppError("rate_limited", "Too many refused webhooks, try again", { retryAfterSeconds: 60 });
  }
}

/** PagerDuty's id of the webhook; a body without one is known by its hash, the same on every attempt. */
async function webhookIdOf(header: string | undefined, body: Uint8Array<ArrayBuffer>): Promise<string> {
  if (header !== undefined && WEBHOOK_ID.test(header)) return header;
  const digest = await crypto.subtle.digest("SHA-256", body);
  return `sha256-${new Uint8Array(digest).toHex()}`;
}

/** To the Queue; what does not fit there goes to the user's object itself, which is as durable. */
async function handOver(env: Env, received: ReceivedWebhook): Promise<void> {
  const message = await packMessage(received);
  if (message) {
    await env.WEBHOOKS.send(message, { contentType: "v8" });
    return;
  }
  const [outcome] = await env.PAGERDUTY_USER.getByName(received.userId).ingest([received]);
  if (outcome === "failed") throw new Error("The object could not take the webhook in");
}
