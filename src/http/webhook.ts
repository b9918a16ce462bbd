import { type Config, configOf } from "../config.ts";
import { verifyingSecret } from "../connection/verification.ts";
import { AppError } from "../errors.ts";
import { describe, log } from "../log.ts";
import { count } from "../metrics.ts";
import { readBody, reasonNotUsed } from "../pagerduty/event.ts";
import { isSignatureHeader } from "../pagerduty/signature.ts";
import { packMessage } from "../queue/message.ts";
import { CALLER_ID } from "../tenant-id.ts";
import { type Accepted, type Candidate, decide, type Question } from "../webhooks/decision.ts";
import { askTenants, countRefusals, isDone } from "../webhooks/hand-over.ts";
import type { ReceivedWebhook } from "../webhooks/received.ts";
import { readBytes } from "./input.ts";
import {
  candidatesOf,
  isFlooding,
  learnCandidates,
  learnTrust,
  networkOf,
  trustOf,
  withinLimit,
} from "./trust.ts";

/**
 * The route to which PagerDuty posts webhooks. After a 5xx or a 429, PagerDuty retries the webhook for two days. After
 * any other 4xx it drops the webhook, and three dropped webhooks in a row disable the subscription. If the Worker
 * cannot decide about a webhook, for example because a tenant's object fails, it therefore answers 503.
 * https://developer.pagerduty.com/docs/webhooks-overview
 */

/** PagerDuty itself does not send larger bodies. */
const MAX_BODY_BYTES = 256 * 1024;
/**
 * The form of a webhook's id. It is strict, because the id becomes part of a path and is sent to Aurora. Anybody can
 * send an unsigned webhook with any id.
 */
const WEBHOOK_ID = /^(?!\.{1,2}$)[A-Za-z0-9_.:+/=-]{1,128}$/;
const RETRY_AFTER_SECONDS = 10;
const FLOOD_RETRY_AFTER_SECONDS = 60;

const SUBSCRIPTION_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** The webhook URL has no trailing slash, but a person who pastes it into PagerDuty may add one. */
const WEBHOOK_URL = /^https?:\/\/[^/]*\/pagerduty\/webhook\/([^/?#]+)\/?(?:[?#]|$)/;

/** Returns the user id in a webhook's URL, without validating it; null if the request is no webhook. */
export function webhookUserId({ method, url }: Request): string | null {
  const userId = method === "POST" ? WEBHOOK_URL.exec(url)?.[1] : undefined;
  if (userId === undefined || !userId.includes("%")) return userId ?? null;
  try {
    return decodeURIComponent(userId);
  } catch {
    return userId;
  }
}

/** The body of the answer 202 to PagerDuty. */
export interface TakenWebhook {
  received: true;
  /**
   * Why the webhook is only stored in the event log. Absent if the webhook may change an incident or its timeline.
   */
  reason?: string;
}

/**
 * Verifies a webhook and puts it on the Queue.
 * @throws {AppError} if the webhook is refused, or cannot be accepted now
 */
export async function takeWebhook(
  request: Request,
  env: Env,
  userId: string,
  requestId: string,
): Promise<TakenWebhook> {
  if (!CALLER_ID.test(userId)) throw notConnected();
  const { headers } = request;
  const body = await readBytes(request, MAX_BODY_BYTES);
  if (!body) throw new AppError("payload_too_large", `The body is larger than ${MAX_BODY_BYTES / 1024} KiB`);
  const subscriptionId = headers.get("x-webhook-subscription") ?? "";
  const posted: Posted = {
    userId,
    address: headers.get("cf-connecting-ip") ?? "",
    question: {
      signature: signatureOf(headers.get("x-pagerduty-signature")),
      subscriptionId: SUBSCRIPTION_ID.test(subscriptionId) ? subscriptionId : null,
      body,
    },
  };
  try {
    const accepted = await accept(env, posted);
    const verification = accepted.some(({ secretId }) => secretId !== null) ? "signature" : "callback";
    const read = readBody(body);
    if (!read.ok && verification === "callback") {
      // Calls the limiter directly, because `withinLimit` would also block the user's valid unsigned webhooks for
      // 10 s.
      const { success } = await env.REFUSED_WEBHOOKS.limit({ key: userId });
      throw success ? new AppError("invalid_request", read.problem) : tooMany();
    }
    const webhookId = await webhookIdOf(headers.get("x-webhook-id"), body);
    const receivedAtMs = Date.now();
    for (const { tenantId, connectionId, account, secretId, shared } of accepted) {
      await handOver(env, {
        tenantId,
        userId,
        connectionId,
        account,
        webhookId,
        verification,
        secretId,
        shared,
        signature: posted.question.signature,
        receivedAtMs,
        requestId,
        body,
      });
    }
    const tenants = accepted.map(({ tenantId }) => tenantId).join(" ");
    log.info("webhook.accepted", { requestId, tenants, webhookId, verification, bytes: body.length });
    count("received", userId, verification, Date.now() - receivedAtMs);
    const reason = read.ok ? reasonNotUsed(read.event) : read.problem;
    return reason === null ? { received: true } : { received: true, reason };
  } catch (error) {
    count("rejected", userId, error instanceof AppError ? error.code : "unavailable");
    if (error instanceof AppError) throw error;
    // KV, the Queue or the object failed. After this 503, PagerDuty sends the webhook again.
    throw unavailable(error);
  }
}

interface Posted {
  userId: string;
  /** The IP address of the sender; empty if it is unknown. */
  address: string;
  question: Question;
}

/**
 * Accepts a webhook if a key in this isolate's cache or in KV verifies it. Otherwise asks the tenants' objects.
 * @throws {AppError} if the webhook is refused, or if no decision is possible yet
 */
async function accept(env: Env, posted: Posted): Promise<Accepted[]> {
  const nowMs = Date.now();
  const copy = await askCopy(env, posted, nowMs);
  if (copy.accepted) return [copy.accepted];
  const { userId, address, question } = posted;
  const stranger = `stranger at ${networkOf(address)}`;
  if (isFlooding(userId, nowMs) || (!copy.knowsUser && isFlooding(stranger, nowMs))) throw tooMany();
  const { organisations, candidates } = await askTenants(env, userId, question);
  if (organisations.length > 0) learnCandidates(userId, organisations, nowMs);
  await Promise.all(candidates.map((candidate) => learn(configOf(env), candidate, nowMs)));
  const decision = decide(candidates);
  switch (decision.decision) {
    case "accepted": {
      const isHint = decision.accepted.every(({ secretId }) => secretId === null);
      if (isHint && !(await withinLimit(env.UNSIGNED_WEBHOOKS, userId, nowMs))) throw tooMany("unsigned");
      return decision.accepted;
    }
    // The answer is 503, so that PagerDuty retries.
    case "undecided":
      throw unavailable(decision.reason);
    case "not_connected": {
      const within =
        (await withinLimit(env.STRANGERS, stranger, nowMs)) &&
        (await withinLimit(env.REFUSED_WEBHOOKS, userId, nowMs));
      throw within ? notConnected() : tooMany();
    }
    case "refused": {
      if (!(await withinLimit(env.REFUSED_WEBHOOKS, userId, nowMs))) throw tooMany();
      await countRefusals(env, decision.refusals);
      throw new AppError("invalid_signature", "The signature does not match");
    }
  }
}

/** Verifies with the keys in the cache or in KV. Returns the first tenant whose secret made the signature. */
async function askCopy(
  env: Env,
  { userId, question: { signature, body } }: Posted,
  nowMs: number,
): Promise<{ knowsUser: boolean; accepted: Accepted | null }> {
  let knowsUser = false;
  try {
    for (const tenantId of await candidatesOf(env, userId, nowMs)) {
      const trust = await trustOf(env, configOf(env), tenantId, nowMs);
      if (!trust) continue;
      knowsUser = true;
      const secretId = await verifyingSecret(trust.keys, signature, body, nowMs);
      if (secretId) {
        const { connectionId, account } = trust;
        return { knowsUser, accepted: { tenantId, connectionId, account, secretId, shared: false } };
      }
    }
  } catch (error) {
    log.warn("replica.unreadable", { userId, error: describe(error) });
  }
  return { knowsUser, accepted: null };
}

async function learn(config: Config, { tenantId, judgement }: Candidate, nowMs: number): Promise<void> {
  if (judgement.verdict === "genuine") await learnTrust(config, tenantId, judgement.sealed, nowMs);
}

/** Returns null if the header is absent. A header that is too long becomes an empty text, and counts as present. */
function signatureOf(header: string | null): string | null {
  if (header === null) return null;
  return isSignatureHeader(header) ? header : "";
}

const notConnected = () => new AppError("not_connected", "PagerDuty not connected for this user");

const tooMany = (what: "refused" | "unsigned" = "refused") =>
  new AppError("rate_limited", `Too many ${what} webhooks, try again later`, {
    retryAfterSeconds: FLOOD_RETRY_AFTER_SECONDS,
  });

const unavailable = (cause: unknown) =>
  new AppError("unavailable", "Temporarily unavailable, try again", {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    internal: cause,
  });

/**
 * Returns PagerDuty's id of the webhook. Without a valid id, returns a hash of the body, because PagerDuty sends the
 * same body in every attempt.
 */
async function webhookIdOf(header: string | null, body: Uint8Array<ArrayBuffer>): Promise<string> {
  if (header !== null && WEBHOOK_ID.test(header)) return header;
  const digest = await crypto.subtle.digest("SHA-256", body);
  return `sha256-${new Uint8Array(digest).toHex()}`;
}

/**
 * Puts the webhook on the Queue. A webhook that does not fit into a message, or that the Queue refuses, goes directly
 * to the tenant's object.
 */
async function handOver(env: Env, received: ReceivedWebhook): Promise<void> {
  const message = await packMessage(received);
  if (message) {
    try {
      await env.WEBHOOKS.send(message, { contentType: "v8" });
      return;
    } catch (error) {
      log.warn("queue.refused", { requestId: received.requestId, error: describe(error) });
    }
  }
  const [outcome] = await env.TENANT.getByName(received.tenantId).ingest([received]);
  if (!(await isDone(env, received, outcome))) throw new Error("The object could not take the webhook");
}
