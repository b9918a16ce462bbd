import { createExecutionContext, env } from "cloudflare:test";
import { expect, test } from "vitest";
import { createKeyring, sealText } from "../../src/connection/seal.ts";
import { serve } from "../../src/http/app.ts";
import { connectionOf } from "../support/connection.ts";

/**
 * If the Queue or KV fails, the edge calls the tenant's object instead. If the object is needed and fails, the answer
 * is 503, never a 4xx, so that PagerDuty retries the webhook.
 */

const KEY = { kid: "k1", key: new Uint8Array(32).fill(7) };
const SECRET = "shared with PagerDuty";
const BODY = JSON.stringify({
  event: {
    id: "E1",
    event_type: "incident.triggered",
    resource_type: "incident",
    occurred_at: "2026-11-22T03:00:00Z",
    data: { id: "P1", type: "incident", title: "Down", status: "triggered" },
  },
});

async function signed(body: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(SECRET), algorithm, false, [
    "sign",
  ]);
  const signature = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(body));
  return `v1=${[...new Uint8Array(signature)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function storeReplica(userId: string): Promise<void> {
  const connection = connectionOf(userId, {
    signingSecrets: [{ id: "s", secret: SECRET, subscriptionId: null, expiresAtMs: null }],
  });
  const sealed = await sealText(createKeyring([KEY]), `user:${userId}`, JSON.stringify(connection));
  await env.CONNECTIONS.put(`connection:user:${userId}`, sealed);
}

async function post(
  userId: string,
  broken: Partial<Env>,
  body = BODY,
  address = "192.0.2.1",
): Promise<Response> {
  const request = new Request(`https://worker.example/pagerduty/webhook/${userId}`, {
    method: "POST",
    headers: {
      "x-pagerduty-signature": await signed(BODY),
      "x-webhook-id": "w",
      "cf-connecting-ip": address,
    },
    body,
  });
  return serve(request, { ...env, ...broken }, createExecutionContext());
}

const down = () => {
  throw new Error("down");
};
const brokenQueue = { ...env.WEBHOOKS, send: down };
const brokenKv = { ...env.CONNECTIONS, get: down };
const brokenObjects = Object.assign(Object.create(env.TENANT), { getByName: down });

test("while the platform works, webhooks are accepted", async () => {
  await storeReplica("works");
  expect((await post("works", {})).status).toBe(202);
});

test("a webhook that the Queue refuses goes straight to the tenant's object", async () => {
  await storeReplica("queue");
  const taken: unknown[] = [];
  const object = {
    ingest: async (webhooks: unknown[]) => webhooks.map((one) => taken.push(one) && "applied"),
  };
  const objects = Object.assign(Object.create(env.TENANT), { getByName: () => object });
  expect((await post("queue", { WEBHOOKS: brokenQueue, TENANT: objects })).status).toBe(202);
  expect(taken).toMatchObject([{ tenantId: "user:queue", webhookId: "w" }]);
});

test("if the Queue and the object fail, the answer is 503 with Retry-After", async () => {
  await storeReplica("queue");
  const reply = await post("queue", { WEBHOOKS: brokenQueue, TENANT: brokenObjects });
  expect(reply.status).toBe(503);
  expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await reply.json()).toMatchObject({ code: "unavailable" });
});

test("if the object fails, the answer is 503 even for a signature that does not match the copy in KV", async () => {
  await storeReplica("object");
  expect((await post("object", { TENANT: brokenObjects }, `${BODY} `)).status).toBe(503);
  expect((await post("nobody", { TENANT: brokenObjects })).status).toBe(503);
});

test("if KV fails, the object decides how a webhook is answered", async () => {
  expect((await post("kv", { CONNECTIONS: brokenKv })).status).toBe(404);
  expect((await post("kv", { CONNECTIONS: brokenKv, TENANT: brokenObjects })).status).toBe(503);
});

test("an address that posts webhooks for many unknown users gets 429, and does not wake an object for each user", async () => {
  await storeReplica("known");
  const woken: string[] = [];
  const object = {
    judgeForUser: async () => ({ organisations: [], own: { verdict: "not_connected" } }),
    ingest: async (webhooks: unknown[]) => webhooks.map(() => "applied"),
  };
  const TENANT = Object.assign(Object.create(env.TENANT), {
    getByName: (name: string) => {
      woken.push(name);
      return object;
    },
  });
  const counts = new Map<string, number>();
  const STRANGERS = {
    limit: async ({ key }: { key: string }) => {
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return { success: (counts.get(key) ?? 0) <= 3 };
    },
  };
  const broken = { TENANT, STRANGERS };
  const statuses: number[] = [];
  for (let user = 0; user < 20; user += 1) {
    statuses.push((await post(`unknown-${user}`, broken, BODY, "192.0.2.66")).status);
  }
  expect(statuses).toEqual([...Array(3).fill(404), ...Array(17).fill(429)]);
  expect(woken).toHaveLength(4);
  expect((await post("known", broken, BODY, "192.0.2.66")).status).toBe(202);
  expect((await post("unknown-0", broken, BODY, "192.0.2.77")).status).toBe(404);
});
