import { describe, log } from "../log.ts";
import { backoffMs } from "../retry-timing.ts";
import { isDone } from "../webhooks/hand-over.ts";
import type { ReceivedWebhook } from "../webhooks/received.ts";
import { unpackMessage } from "./message.ts";

/**
 * Passes a batch of messages to the tenants' objects, usually with one call for each tenant. Only this file decides
 * between ack and retry, separately for each message. `consume` never throws, because after an exception the
 * local Queue ignores the acks and delays, and delivers every message again.
 */

/** The delay doubles with each attempt, so that an outage of minutes does not use up the retries. */
const BACKOFF = { firstMs: 5_000, maxMs: 15 * 60 * 1000 };
const DEAD_LETTERS = /-dead-letters$/;

interface Unpacked {
  message: Message<unknown>;
  webhook: ReceivedWebhook;
}

export async function consume(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  const handOver = DEAD_LETTERS.test(batch.queue) ? park : ingest;
  const unpacked = await Promise.all(batch.messages.map(unpack));
  const byTenant = Map.groupBy(
    unpacked.filter((item) => item !== null),
    ({ webhook }) => webhook.tenantId,
  );
  await Promise.all(
    [...byTenant].map(async ([tenantId, items]) => {
      for (const call of inCalls(items)) await handOver(env, tenantId, call);
    }),
  );
}

async function unpack(message: Message<unknown>): Promise<Unpacked | null> {
  try {
    return { message, webhook: await unpackMessage(message.body) };
  } catch (error) {
    // Another version of the connector may have packed this message, and the next deployment may be able to read it.
    // After the Queue's last retry, the dead-letter queue retries the message hourly for days.
    log.error("message.unreadable", {
      messageId: message.id,
      attempts: message.attempts,
      error: describe(error),
    });
    message.retry();
    return null;
  }
}

/** An RPC call can carry 32 MiB. A batch of the largest bodies has 25 MiB, which is too close to this limit. */
const MAX_CALL_BYTES = 8 * 1024 * 1024;

function inCalls(items: Unpacked[]): Unpacked[][] {
  const calls: Unpacked[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const { body, signature } = item.webhook;
    const size = body.length + (signature?.length ?? 0);
    bytes += size;
    if (bytes > MAX_CALL_BYTES) {
      calls.push([]);
      bytes = size;
    }
    calls.at(-1)?.push(item);
  }
  return calls;
}

/**
 * Passes webhooks to the tenant's object. A failed webhook is retried. After the last retry the webhook goes to the
 * dead-letter queue.
 */
async function ingest(env: Env, tenantId: string, items: Unpacked[]): Promise<void> {
  try {
    const outcomes = await env.TENANT.getByName(tenantId).ingest(items.map(({ webhook }) => webhook));
    for (const [index, { message, webhook }] of items.entries()) {
      if (await isDone(env, webhook, outcomes[index])) message.ack();
      else retry(message);
    }
  } catch (error) {
    log.warn("batch.retried", { tenantId, messages: items.length, error: describe(error) });
    for (const { message } of items) retry(message);
  }
}

/**
 * Passes webhooks of the dead-letter queue to the tenant's object. If a webhook fails here too, the object
 * stores it as failed. A person can then retry it.
 */
async function park(env: Env, tenantId: string, items: Unpacked[]): Promise<void> {
  try {
    const outcomes = await env.TENANT.getByName(tenantId).park(items.map(({ webhook }) => webhook));
    for (const [index, { message, webhook }] of items.entries()) {
      const outcome = outcomes[index];
      if (outcome === "failed" || (await isDone(env, webhook, outcome))) message.ack();
      else message.retry();
    }
  } catch (error) {
    log.error("batch.not_parked", { tenantId, messages: items.length, error: describe(error) });
    // The dead-letter queue's `retry_delay` in wrangler.toml is an hour, so its 100 retries outlast an outage of
    // several days.
    for (const { message } of items) message.retry();
  }
}

function retry(message: Message<unknown>): void {
  message.retry({ delaySeconds: backoffMs(message.attempts, BACKOFF) / 1000 });
}
