import * as z from "zod/mini";
import { ReceivedWebhook } from "../webhooks/received.ts";

/**
 * A message on the Queue: one webhook as received, with its tenant and the result of its verification. The body is sent
 * as bytes (content type `v8`). A large body is compressed, because a body can have 256 KiB, but a message only 128 KB.
 */

export const QueuedWebhook = z.extend(ReceivedWebhook, { encoding: z.enum(["identity", "gzip"]) });
export type QueuedWebhook = z.infer<typeof QueuedWebhook>;

/** Leaves 8,000 bytes of a message for the webhook's other members and the framing. */
const MAX_BODY_IN_MESSAGE = 120_000;
/** Compressing a smaller body costs more than it saves. */
const COMPRESS_ABOVE = 60_000;

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  transform: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(transform)).arrayBuffer());
}

/** Packs a webhook; null if even the compressed webhook does not fit into a message. */
export async function packMessage(webhook: ReceivedWebhook): Promise<QueuedWebhook | null> {
  if (webhook.body.length <= COMPRESS_ABOVE) return { ...webhook, encoding: "identity" };
  const body = await through(webhook.body, new CompressionStream("gzip"));
  if (body.length < webhook.body.length && body.length <= MAX_BODY_IN_MESSAGE) {
    return { ...webhook, body, encoding: "gzip" };
  }
  return webhook.body.length <= MAX_BODY_IN_MESSAGE ? { ...webhook, encoding: "identity" } : null;
}

/** Returns the webhook, with its body as it was received. @throws if the message has an unknown form */
export async function unpackMessage(message: unknown): Promise<ReceivedWebhook> {
  const { encoding, ...webhook } = QueuedWebhook.parse(message);
  if (encoding === "identity") return webhook;
  return { ...webhook, body: await through(webhook.body, new DecompressionStream("gzip")) };
}
