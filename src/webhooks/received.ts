import * as z from "zod/mini";

/** `signature`: a signing secret proves the webhook. `callback`: a hint that PagerDuty has to confirm. */
export const Trust = z.enum(["signature", "callback"]);
export type Trust = z.infer<typeof Trust>;

/** A webhook as the edge passes it to a tenant's object. */
export const ReceivedWebhook = z.object({
  tenantId: z.string(),
  /** The user id in the webhook's URL. */
  userId: z.string(),
  /** The connection for which the edge verified the webhook. */
  connectionId: z.string(),
  /** The account of this connection; see `ConnectionRef`. Absent in messages from earlier versions of this code. */
  account: z.optional(z.nullable(z.string())),
  /** The header `X-Webhook-Id`, or a hash of the body. It is the same on each of PagerDuty's attempts. */
  webhookId: z.string(),
  verification: Trust,
  /** The id of the signing secret that proves the webhook. Null for a hint, and for a retry of a failed webhook. */
  secretId: z.nullable(z.string()),
  /**
   * Whether this webhook is a hint that may belong to another tenant or account. If so, a tenant whose credential
   * cannot read the incident removes the webhook.
   */
  shared: z.boolean(),
  /** The header `X-PagerDuty-Signature`. */
  signature: z.nullable(z.string()),
  /** Milliseconds since 1970. */
  receivedAtMs: z.number(),
  /** Identifies the webhook in the log. */
  requestId: z.string(),
  body: z.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array),
});
export type ReceivedWebhook = z.infer<typeof ReceivedWebhook>;
