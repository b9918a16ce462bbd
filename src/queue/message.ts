import * as z from "zod/mini";
import { ReceivedWebhook } from "../webhooks/received.ts";

/**
 * What is on the Queue: one webhook, as it came, and what the edge found out about it. The bytes travel as
 * bytes (content type `v8`), gzipped when they are many, because a message holds 128 KB and a body 256 KiB.
 */

export const QueuedWebhook = z.extend(ReceivedWebhook, { encoding: z.enum(["identity", "gzip"]) });
export type QueuedWebhook = z.infer<typeof QueuedWebhook>;

/** Queues take 128,000 bytes a message; the rest of the message and its framing need a part of it. */
const MAX_BODY_IN_MESSAGE = 120_000;
/** Below this, compressing costs more than it saves. */
const COMPRESS_ABOVE = 60_000;

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  transform: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(transform)).arrayBuffer());
}

/** The message for a webhook; null when not even compressed it fits, and has to go another way. */
export async function packMessage(webhook: ReceivedWebhook): Promise<QueuedWebhook | null> {
  if (webhook.body.length <= COMPRESS_ABOVE) return { ...webhook, encoding: "identity" };
  const body = await through(webhook.body, new CompressionStream("gzip"));
  if (body.length < webhook.body.length && body.length <= MAX_BODY_IN_MESSAGE) {
    return { ...webhook, body, encoding: "gzip" };
  }
  return webhook.body.length <= MAX_BODY_IN_MESSAGE ? { ...webhook, encoding: "identity" } : null;
}

/** The webhook in a message, its bytes as they came. @throws on anything that `packMessage` did not make */
export async function unpackMessage(message: unknown): Promise<ReceivedWebhook> {
  const { encoding, ...webhook } = QueuedWebhook.parse(message);
  if (encoding === "identity") return webhook;
  return { ...webhook, body: await through(webhook.body, new DecompressionStream("gzip")) };
}
