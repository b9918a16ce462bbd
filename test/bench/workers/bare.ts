/** The simplest handler: uses no framework, checks only the signature, and reads the secret from KV each time. */
export interface BareEnv {
  CONNECTIONS: { get(key: string): Promise<string | null> };
  WEBHOOKS: { send(message: unknown, options?: { contentType: string }): Promise<void> };
}

/** Handles one webhook. The handlers with a router also call this function. */
export async function take(request: Request, userId: string, env: BareEnv): Promise<Response> {
  const body = await request.arrayBuffer();
  const stored = await env.CONNECTIONS.get(`connection:${userId}`);
  if (stored === null) return Response.json({ error: "not connected" }, { status: 404 });
  const { secret }: { secret: string } = JSON.parse(stored);
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  const hex = (request.headers.get("x-pagerduty-signature") ?? "").replace("v1=", "");
  const signature = new Uint8Array(hex.match(/../g)?.map((pair) => Number.parseInt(pair, 16)) ?? []);
  if (!(await crypto.subtle.verify("HMAC", key, signature, body))) {
    return Response.json({ error: "invalid signature" }, { status: 401 });
  }
  const webhookId = request.headers.get("x-webhook-id");
  await env.WEBHOOKS.send({ userId, webhookId, event: JSON.parse(new TextDecoder().decode(body)) });
  return Response.json({ received: true }, { status: 202 });
}

export default {
  fetch: (request: Request, env: BareEnv): Promise<Response> =>
    take(request, new URL(request.url).pathname.split("/").at(-1) ?? "", env),
};
