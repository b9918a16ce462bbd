import * as z from "zod/mini";
import { ReceivedWebhook } from "../webhooks/received.ts";

/**
 * A message on the Queue: one webhook as received, with its tenant and verification. The body is sent as bytes
 * (content type `v8`), compressed when it is large, because a message holds 128 KB and a body 256 KiB.
 */

export const QueuedWebhook = z.extend(ReceivedWebhook, { encoding: z.enum(["identity", "gzip"]) });
export type QueuedWebhook = z.infer<typeof QueuedWebhook>;

/** A message holds 128,000 bytes, a part of which the other members and the framing need. */
const MAX_BODY_IN_MESSAGE = 120_000;
/** Below this, compressing costs more than it saves. */
const COMPRESS_ABOVE = 60_000;

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  transform: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(transform)).arrayBuffer());
}

/** Packs a webhook; null when it does not fit even when compressed. */
export async function packMessage(webhook: ReceivedWebhook): Promise<QueuedWebhook | null> {
  if (webhook.body.length <= COMPRESS_ABOVE) return { ...webhook, encoding: "identity" };
  const body = await through(webhook.body, new CompressionStream("gzip"));
  if (body.length < webhook.body.length && body.length <= MAX_BODY_IN_MESSAGE) {
    return { ...webhook, body, encoding: "gzip" };
  }
  return webhook.body.length <= MAX_BODY_IN_MESSAGE ? { ...webhook, encoding: "identity" } : null;
}

/** Unpacks a webhook, its body as received. @throws on anything that `packMessage` did not make */
export async function unpackMessage(message: unknown): Promise<ReceivedWebhook> {
  const { encoding, ...webhook } = QueuedWebhook.parse(message);
  if (encoding === "identity") return webhook;
  return { ...webhook, body: await through(webhook.body, new DecompressionStream("gzip")) };
}
