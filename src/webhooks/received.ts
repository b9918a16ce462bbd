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
  /**
   * The connection that the edge verified the webhook for. The object verifies the webhook again if this connection
   * has been replaced, or if the object does not store the secret `secretId`.
   */
  connectionId: z.string(),
  /** The account of that connection, as in `ConnectionRef`. Absent in messages from earlier versions of this code. */
  account: z.optional(z.nullable(z.string())),
  /** The header `X-Webhook-Id`, or a hash of the body. It is the same on each of PagerDuty's attempts. */
  webhookId: z.string(),
  /**
   * The result at the edge. `signature`: the signing secret with the id `secretId` proves the webhook. `callback`: the
   * connection had no signing secret, so `secretId` is null.
   */
  verification: Trust,
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
  /** The bytes as they were received. */
  body: z.custom<Uint8Array<ArrayBuffer>>((value) => value instanceof Uint8Array),
});
export type ReceivedWebhook = z.infer<typeof ReceivedWebhook>;
