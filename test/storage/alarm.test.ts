import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, inject, test } from "vitest";
import { configOf } from "../../src/config.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore } from "../../src/connection/store.ts";
import { appendEntry } from "../../src/storage/journal.ts";
import type { ReceivedWebhook } from "../../src/webhooks/received.ts";
import { connectionOf } from "../support/connection.ts";

/** The alarm of the tenant's object removes old entries, runs checks and requests analyses. */

const DAY_MS = 24 * 3600 * 1000;

const count = (name: string, where: string) =>
  runInDurableObject(
    env.TENANT.getByName(`user:${name}`),
    (_object, { storage }) => [...storage.sql.exec(`SELECT 1 FROM journal WHERE ${where}`)].length,
  );

test("once a day the alarm removes all entries older than RETENTION_DAYS, and no other entries", async () => {
  const user = env.TENANT.getByName("user:prunes");
  await runInDurableObject(user, async (_object, { storage }) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, createKeyring(configOf(env).credentialsKeys));
    const nowMs = Date.now();
    await store.set(
      "user:prunes",
      connectionOf("prunes", { validatedAt: new Date(nowMs - 2 * DAY_MS).toISOString() }),
    );
    for (const days of [31, 29]) {
      const entry = { kind: "check", type: `${days} days`, outcome: "applied" } as const;
      appendEntry(storage.sql, { ...entry, receivedAtMs: nowMs - days * DAY_MS }, null);
    }
    await storage.setAlarm(nowMs + DAY_MS);
  });
  await evictDurableObject(user);
  expect(await runDurableObjectAlarm(user)).toBe(true);
  expect(await count("prunes", "type = '31 days'")).toBe(0);
  expect(await count("prunes", "type = '29 days'")).toBe(1);
});

test("if a tenant connected while checks were off, the alarm plans a check as soon as checks are on", async () => {
  const user = env.TENANT.getByName("user:asleep");
  await runInDurableObject(user, async (_object, { storage }) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, createKeyring(configOf(env).credentialsKeys));
    await store.set("user:asleep", connectionOf("asleep"));
    await storage.setAlarm(Date.now() + DAY_MS);
  });
  await evictDurableObject(user);
  await runDurableObjectAlarm(user);
  const watch = await runInDurableObject(user, (_object, { storage }) => storage.kv.get("watch"));
  expect(watch).toMatchObject({ nextAtMs: expect.any(Number) });
});

test("runbooks that never answer do not hold up the analysis of an incident without a runbook", async () => {
  const user = env.TENANT.getByName("user:tarpit");
  const caller = { userId: "tarpit", orgId: null };
  const input = { token: inject("tokens").us, displayName: "P", region: "us", subscribe: false } as const;
  await user.connectToken(caller, input, "https://worker.example/");
  await user.addSigningSecret(caller, "secret");
  const { connectionId, secretId } = await runInDurableObject(user, async (_object, { storage }) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, createKeyring(configOf(env).credentialsKeys));
    await store.open();
    const { connection } = store;
    return {
      connectionId: connection?.connectionId ?? "",
      secretId: connection?.signingSecrets[0]?.id ?? "",
    };
  });
  const webhook = (id: string, type: string, data: object): ReceivedWebhook => {
    const event = {
      id,
      event_type: type,
      resource_type: "incident",
      occurred_at: new Date().toISOString(),
      data,
    };
    return {
      tenantId: "user:tarpit",
      userId: "tarpit",
      shared: false,
      connectionId,
      secretId,
      webhookId: id,
      verification: "signature",
      signature: null,
      receivedAtMs: Date.now(),
      requestId: id,
      body: Uint8Array.from(new TextEncoder().encode(JSON.stringify({ event }))),
    };
  };
  const incident = (id: string, priority: string) =>
    webhook(`t-${id}`, "incident.triggered", {
      type: "incident",
      id,
      status: "triggered",
      priority: { summary: priority },
    });
  const runbook = (id: string) =>
    webhook(`f-${id}`, "incident.custom_field_values.updated", {
      type: "incident_field_values",
      incident: { id },
      custom_fields: [{ name: "runbook_link", value: "https://runbooks.example.com/never" }],
    });
  const slow = ["P1", "P2", "P3"].flatMap((id) => [runbook(id), incident(id, "P1")]);
  expect(await user.ingest([...slow, incident("PNONE", "P3")])).not.toContain("failed");
  await expect
    .poll(() => count("tarpit", "type = 'incident.rca_requested' AND incident_id = 'PNONE'"))
    .toBe(1);
  // The analyses of P1, P2 and P3 follow one by one, each after the fetch of its runbook has failed.
  expect(await count("tarpit", "type = 'incident.rca_requested'")).toBeLessThan(4);
});
