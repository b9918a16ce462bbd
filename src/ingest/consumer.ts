import { describe, log } from "../log.ts";
import type { ReceivedWebhook } from "../user/webhook.ts";
import { unpackMessage } from "./message.ts";

/**
 * From the Queue to the users' objects: one call for each user and batch. The only place that decides between
 * ack and retry, for each message by itself. Never throws: a batch that throws comes again whole, with what
 * was acknowledged in it.
 */

/** Growing waits, so that an outage of minutes does not use up the tries; then the dead-letter queue. */
const MIN_DELAY_SECONDS = 5;
const MAX_DELAY_SECONDS = 15 * 60;

const retryDelaySeconds = (attempts: number) =>
  Math.min(MIN_DELAY_SECONDS * 2 ** Math.max(0, attempts - 1), MAX_DELAY_SECONDS);

interface Unpacked {
  message: Message<unknown>;
  webhook: ReceivedWebhook;
}

export async function consumeWebhooks(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  const unpacked = await Promise.all(batch.messages.map(unpack));
  const byUser = Map.groupBy(
    unpacked.filter((item) => item !== null),
    ({ webhook }) => webhook.userId,
  );
  await Promise.all([...byUser].map(([userId, items]) => ingest(env, userId, items)));
}

async function unpack(message: Message<unknown>): Promise<Unpacked | null> {
  try {
    return { message, webhook: await unpackMessage(message.body) };
  } catch (error) {
    // Not ours, or from a version that packed otherwise: trying again cannot help, the dead-letter queue keeps it.
    log.error("message.unreadable", { messageId: message.id, error: describe(error) });
    message.retry({ delaySeconds: retryDelaySeconds(message.attempts) });
    return null;
  }
}

async function ingest(env: Env, userId: string, items: Unpacked[]): Promise<void> {
  try {
    const user = env.PAGERDUTY_USER.getByName(userId);
    const outcomes = await user.ingest(items.map(({ webhook }) => webhook));
    items.forEach(({ message }, index) => {
      const outcome = outcomes[index];
      if (outcome === undefined || outcome === "failed") {
        message.retry({ delaySeconds: retryDelaySeconds(message.attempts) });
      } else message.ack();
    });
  } catch (error) {
    log.warn("batch.retried", { userId, messages: items.length, error: describe(error) });
    for (const { message } of items) message.retry({ delaySeconds: retryDelaySeconds(message.attempts) });
  }
}
