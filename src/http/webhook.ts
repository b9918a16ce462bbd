import { Hono } from "hono";
import { configOf } from "../config.ts";
import { verifyingSecret } from "../connection/verification.ts";
import { AppError } from "../errors.ts";
import { describe, log } from "../log.ts";
import { count } from "../metrics.ts";
import { readBody, reasonNotUsed } from "../pagerduty/event.ts";
import { isSignatureHeader } from "../pagerduty/signature.ts";
import { packMessage } from "../queue/message.ts";
import type { ReceivedWebhook } from "../webhooks/received.ts";
import type { Judgement } from "../webhooks/verify.ts";
import { type AppEnv, USER_ID } from "./callers.ts";
import { readBytes } from "./input.ts";
import { isFlooded, learnTrust, trustOf, withinLimit } from "./trust.ts";

/**
 * Where PagerDuty posts. What it does with the answer decides the answer: 2xx within 5 s is done, 5xx and 429
 * come again for two days, any other 4xx is dropped at once, and three of those in a row switch the
 * subscription off. So nothing but a webhook that is surely not PagerDuty's gets a 4xx.
 * https://developer.pagerduty.com/docs/webhooks-overview
 */

/** PagerDuty drops larger ones itself. */
const MAX_BODY_BYTES = 256 * 1024;
/**
 * It goes to Aurora also where nothing proves who sent it, so it is an id and nothing else: no folder of a path
 * either, because it becomes part of one.
 */
const WEBHOOK_ID = /^(?!\.{1,2}$)[A-Za-z0-9_.:+/=-]{1,128}$/;
const RETRY_AFTER_SECONDS = 10;
const FLOOD_RETRY_AFTER_SECONDS = 60;

/** Why it is taken: `secretId` proves it, or null, and then it is a hint only. */
interface Accepted {
  connectionId: string;
  secretId: string | null;
}

export const webhook = new Hono<AppEnv>().post("/:userId", async (c) => {
  const userId = c.req.param("userId");
  if (!USER_ID.test(userId)) throw notConnected();
  const body = await readBytes(c.req.raw, MAX_BODY_BYTES);
  if (!body) throw new AppError("payload_too_large", `The body is larger than ${MAX_BODY_BYTES / 1024} KiB`);
  const signature = signatureOf(c.req.header("x-pagerduty-signature"));
  const requestId = c.get("requestId");
  try {
    const accepted = await accept(c.env, userId, signature, body);
    const read = readBody(body);
    if (!read.ok && accepted.secretId === null) {
      // Counted as refused, but not held against what else comes for a user without a secret.
      const { success } = await c.env.REFUSED_WEBHOOKS.limit({ key: userId });
      throw success ? new AppError("invalid_request", read.problem) : tooMany();
    }
    const received: ReceivedWebhook = {
      userId,
      connectionId: accepted.connectionId,
      webhookId: await webhookIdOf(c.req.header("x-webhook-id"), body),
      verification: accepted.secretId === null ? "callback" : "signature",
      secretId: accepted.secretId,
      signature,
      receivedAtMs: Date.now(),
      requestId,
      body,
    };
    await handOver(c.env, received);
    const { webhookId, verification } = received;
    log.info("webhook.accepted", { requestId, userId, webhookId, verification, bytes: body.length });
    count("received", userId, verification, Date.now() - received.receivedAtMs);
    const reason = read.ok ? reasonNotUsed(read.event) : read.problem;
    return c.json({ received: true, ...(reason ? { reason } : {}) }, 202);
  } catch (error) {
    count("rejected", userId, error instanceof AppError ? error.code : "unavailable");
    if (error instanceof AppError) throw error;
    // KV, the Queue or the object failed: PagerDuty keeps it and tries again.
    throw unavailable(error);
  }
});

/**
 * By what this isolate or KV knows; and when that does not say yes, by what the user's object says.
 * @throws {AppError} when it is refused
 */
async function accept(
  env: Env,
  userId: string,
  signature: string | null,
  body: Uint8Array<ArrayBuffer>,
): Promise<Accepted> {
  const nowMs = Date.now();
  const config = configOf(env);
  const trust = await trustOf(env, config, userId, nowMs).catch((error: unknown) => {
    log.warn("replica.unreadable", { userId, error: describe(error) });
    return null;
  });
  if (trust) {
    const secretId = await verifyingSecret(trust.keys, signature, body, nowMs);
    if (secretId) return { connectionId: trust.connectionId, secretId };
  }
  if (isFlooded(userId, nowMs)) throw tooMany();
  const judgement: Judgement = await env.TENANT.getByName(userId).judge(signature, body);
  if (judgement.verdict === "genuine") {
    await learnTrust(config, userId, judgement.sealed, nowMs);
    return { connectionId: judgement.connectionId, secretId: judgement.secretId };
  }
  if (judgement.verdict === "unverifiable") {
    if (!(await withinLimit(env.UNSIGNED_WEBHOOKS, userId, nowMs))) throw tooMany();
    return { connectionId: judgement.connectionId, secretId: null };
  }
  // A key that is missing here is our fault, and no reason for PagerDuty to give up.
  if (judgement.verdict === "unreadable") throw unavailable("The stored connection cannot be opened");
  // Its secret may be on its way to us: PagerDuty posts as soon as it has a subscription.
  if (judgement.verdict === "unsettled") throw unavailable("The connection is being changed");
  if (!(await withinLimit(env.REFUSED_WEBHOOKS, userId, nowMs))) throw tooMany();
  if (judgement.verdict === "not_connected") throw notConnected();
  throw new AppError("invalid_signature", "The signature does not match");
}

/** One that is too long is no signature, and is not kept; that it came still tells it from none. */
function signatureOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  return isSignatureHeader(header) ? header : "";
}

const notConnected = () => new AppError("not_connected", "PagerDuty not connected for this user");

const tooMany = () =>
  new AppError("rate_limited", "Too many refused webhooks, try again later", {
    retryAfterSeconds: FLOOD_RETRY_AFTER_SECONDS,
  });

const unavailable = (cause: unknown) =>
  new AppError("unavailable", "Temporarily unavailable, try again", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    internal: cause,
  });

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
  const [outcome] = await env.TENANT.getByName(received.userId).ingest([received]);
  if (outcome === "failed") throw new Error("The object could not take the webhook in");
}
