import * as z from "zod/mini";

/** How far a webhook is believed: its signature proves it, or it is a hint that PagerDuty has to confirm. */
export const Trust = z.enum(["signature", "callback"]);
export type Trust = z.infer<typeof Trust>;

/** A webhook as the edge hands it to a tenant's object. */
export const ReceivedWebhook = z.object({
  /** Whose connection it is for. */
  tenantId: z.string(),
  /** Whose URL PagerDuty posted to. */
  userId: z.string(),
  /** Of the connection in force at the edge; a webhook for an earlier connection is dropped. */
  connectionId: z.string(),
  /** `X-Webhook-Id`, the same on each of PagerDuty's attempts. */
  webhookId: z.string(),
  /** `signature`: proved by the signing secret `secretId`. `callback`: no secret is stored. */
  verification: Trust,
  secretId: z.nullable(z.string()),
  /**
   * Whether other tenants of the same URL have the same hint: then a tenant whose credential cannot read the incident
   * keeps nothing of it.
   */
  shared: z.boolean(),
  /** `X-PagerDuty-Signature`. */
  signature: z.nullable(z.string()),
  /** Milliseconds since 1970. */
  receivedAtMs: z.number(),
  /** Follows the webhook through the log. */
  requestId: z.string(),
  /** The bytes as they were received. */
  body: z.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array),
});
export type ReceivedWebhook = z.infer<typeof ReceivedWebhook>;
