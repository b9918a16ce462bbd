import type { BareEnv } from "./bare.ts";

/**
 * The bare handler without its largest costs: imports the key only once, and parses nothing. Queues the body as bytes,
 * as the connector does.
 */

const keys = new Map<string, CryptoKey>();

async function keyOf(env: BareEnv, userId: string): Promise<CryptoKey | null> {
  const known = keys.get(userId);
  if (known) return known;
  const stored = await env.CONNECTIONS.get(`connection:${userId}`);
  if (stored === null) return null;
  const { secret }: { secret: string } = JSON.parse(stored);
  const raw = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  keys.set(userId, key);
  return key;
}

export default {
  async fetch(request: Request, env: BareEnv): Promise<Response> {
    const userId = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const body = await request.arrayBuffer();
    const key = await keyOf(env, userId);
    if (!key) return Response.json({ error: "not connected" }, { status: 404 });
    const hex = (request.headers.get("x-pagerduty-signature") ?? "").replace("v1=", "");
    const signature = new Uint8Array(hex.match(/../g)?.map((pair) => Number.parseInt(pair, 16)) ?? []);
    if (!(await crypto.subtle.verify("HMAC", key, signature, body))) {
      return Response.json({ error: "invalid signature" }, { status: 401 });
    }
    const webhookId = request.headers.get("x-webhook-id");
    await env.WEBHOOKS.send({ userId, webhookId, body: new Uint8Array(body) }, { contentType: "v8" });
    return Response.json({ received: true }, { status: 202 });
  },
};
