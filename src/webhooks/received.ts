import * as z from "zod/mini";

/** A webhook as the edge hands it to the user's object. */
export const ReceivedWebhook = z.object({
  userId: z.string(),
  /** Of the connection that was in force at the edge; what came for an earlier one is dropped. */
  connectionId: z.string(),
  /** `X-Webhook-Id`, the same on each of PagerDuty's attempts. */
  webhookId: z.string(),
  /** `signature`: the signing secret `secretId` proves it. `callback`: no secret is stored, a hint only. */
  verification: z.enum(["signature", "callback"]),
  secretId: z.nullable(z.string()),
  /** `X-PagerDuty-Signature`, for the relay. */
  signature: z.nullable(z.string()),
  /** Milliseconds since 1970. */
  receivedAtMs: z.number(),
  /** Follows it through the log. */
  requestId: z.string(),
  /** The bytes as they came. */
  body: z.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array),
});
export type ReceivedWebhook = z.infer<typeof ReceivedWebhook>;
