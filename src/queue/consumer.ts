import { describe, log } from "../log.ts";
import type { ReceivedWebhook } from "../webhooks/received.ts";
import { unpackMessage } from "./message.ts";

/**
 * From the Queues to the users' objects: one call for each user and batch. The only place that decides between
 * ack and retry, for each message by itself. Never throws: a batch that throws comes again whole, with what
 * was acknowledged in it.
 */

/** Growing waits, so that an outage of minutes does not use up the tries; then the dead-letter queue. */
const MIN_DELAY_SECONDS = 5;
const MAX_DELAY_SECONDS = 15 * 60;
const DEAD_LETTERS = /-dead-letters$/;

const retryDelaySeconds = (attempts: number) =>
  Math.min(MIN_DELAY_SECONDS * 2 ** Math.max(0, attempts - 1), MAX_DELAY_SECONDS);

interface Unpacked {
  message: Message<unknown>;
  webhook: ReceivedWebhook;
}

export async function consume(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  const handOver = DEAD_LETTERS.test(batch.queue) ? park : ingest;
  const unpacked = await Promise.all(batch.messages.map(unpack));
  const byUser = Map.groupBy(
    unpacked.filter((item) => item !== null),
    ({ webhook }) => webhook.userId,
  );
  await Promise.all([...byUser].map(([userId, items]) => handOver(env, userId, items)));
}

async function unpack(message: Message<unknown>): Promise<Unpacked | null> {
  try {
    return { message, webhook: await unpackMessage(message.body) };
  } catch (error) {
    // Packed by another version, then: the next deployment may read it, so it is kept for as long as it can be.
    log.error("message.unreadable", {
      messageId: message.id,
      attempts: message.attempts,
      error: describe(error),
    });
    message.retry({ delaySeconds: MAX_DELAY_SECONDS });
    return null;
  }
}

/** A call into an object holds 32 MiB at the most, and a batch of large bodies more. */
const MAX_CALL_BYTES = 8 * 1024 * 1024;

/** In calls of bearable size, one after another. */
function inCalls(items: Unpacked[]): Unpacked[][] {
  const client: Unpacked[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const { body, signature } = item.webhook;
    bytes += body.length + (signature?.length ?? 0);
    if (bytes > MAX_CALL_BYTES) {
      client.push([]);
      bytes = body.length;
    }
    client.at(-1)?.push(item);
  }
  return client;
}

/** To be folded. What fails is tried again, and goes to the dead-letter queue in the end. */
async function ingest(env: Env, userId: string, items: Unpacked[]): Promise<void> {
  for (const call of inCalls(items)) await ingestCall(env, userId, call);
}

async function ingestCall(env: Env, userId: string, items: Unpacked[]): Promise<void> {
  try {
    const outcomes = await env.TENANT.getByName(userId).ingest(items.map(({ webhook }) => webhook));
    items.forEach(({ message }, index) => {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome === "failed") retry(message);
      else message.ack();
    });
  } catch (error) {
    log.warn("batch.retried", { userId, messages: items.length, error: describe(error) });
    for (const { message } of items) retry(message);
  }
}

/** Could not be processed: kept in the user's object with the reason, listed there, and tried again on request. */
async function park(env: Env, userId: string, items: Unpacked[]): Promise<void> {
  try {
    await env.TENANT.getByName(userId).park(items.map(({ webhook }) => webhook));
    for (const { message } of items) message.ack();
  } catch (error) {
    log.error("batch.not_parked", { userId, messages: items.length, error: describe(error) });
    for (const { message } of items) message.retry({ delaySeconds: MAX_DELAY_SECONDS });
  }
}

function retry(message: Message<unknown>): void {
  message.retry({ delaySeconds: retryDelaySeconds(message.attempts) });
}
