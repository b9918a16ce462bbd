import * as z from "zod/mini";

/** `signature`: a signing secret proves the webhook. `callback`: it is a hint that PagerDuty has to confirm. */
export const Trust = z.enum(["signature", "callback"]);
export type Trust = z.infer<typeof Trust>;

/** A webhook as the edge passes it to a tenant's object. */
export const ReceivedWebhook = z.object({
  /** The tenant that the webhook is for. */
  tenantId: z.string(),
  /** The user whose webhook URL PagerDuty posted to. */
  userId: z.string(),
  /** The connection that the edge verified the webhook for. If it was replaced, the webhook is verified again. */
  connectionId: z.string(),
  /** The account of that connection, as in `ConnectionRef`. Absent in messages of earlier versions. */
  account: z.optional(z.nullable(z.string())),
  /** `X-Webhook-Id`, the same on each of PagerDuty's attempts. */
  webhookId: z.string(),
  /** `signature`: proved by the signing secret `secretId`. `callback`: no secret is stored. */
  verification: Trust,
  secretId: z.nullable(z.string()),
  /**
   * Whether the hint may be another tenant's or another account's. A tenant whose credential cannot read the incident
   * then removes the webhook.
   */
  shared: z.boolean(),
  /** `X-PagerDuty-Signature`. */
  signature: z.nullable(z.string()),
  /** Milliseconds since 1970. */
  receivedAtMs: z.number(),
  /** Identifies the webhook in the log. */
  requestId: z.string(),
  /** The bytes as they were received. */
  body: z.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array),
});
export type ReceivedWebhook = z.infer<typeof ReceivedWebhook>;
