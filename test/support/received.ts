import type { ReceivedWebhook } from "../../src/webhooks/received.ts";

/** A signed webhook for a user without an organisation, as the edge passes it to the object. */
export function receivedWebhook(
  userId: string,
  webhookId: string,
  body: string,
  more: Partial<ReceivedWebhook> = {},
): ReceivedWebhook {
  return {
    tenantId: `user:${userId}`,
    userId,
    shared: false,
    connectionId: "c",
    webhookId,
    verification: "signature",
    secretId: "s",
    signature: "v1=00",
    receivedAtMs: 1,
    requestId: webhookId,
    body: Uint8Array.from(new TextEncoder().encode(body)),
    ...more,
  };
}
