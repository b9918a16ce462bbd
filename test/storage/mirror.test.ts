import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { AuroraBackend } from "../../src/aurora/backend.ts";
import { Mirror } from "../../src/aurora/mirror.ts";
import { parseConfig } from "../../src/config.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore } from "../../src/connection/store.ts";
import { connectionOf } from "../support/connection.ts";

const keyring = createKeyring([{ kid: "k1", key: new Uint8Array(32).fill(1) }]);
const config = parseConfig({
  AURORA_ENV: "dev",
  CREDENTIALS_KEYS: `k1:${btoa("k".repeat(32))}`,
  AURORA_BACKEND_URL: "http://aurora.internal",
  AURORA: {},
});
const ADA = { userId: "ada", orgId: "acme" };

function privateAurora(status: number) {
  const bodies: unknown[] = [];
  const AURORA = {
    async fetch(_: string, { body }: RequestInit): Promise<Response> {
      bodies.push(body);
      return Response.json({ error: "not now" }, { status });
    },
  };
  return { bodies, backend: AuroraBackend.of({ AURORA }, config) };
}

test("a token that Aurora did not accept is stored only in sealed form, and a later token replaces it", async () => {
  await runInDurableObject(env.TENANT.getByName("org:acme"), async (_, { storage }) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await store.set("org:acme", connectionOf("ada", { orgId: "acme" }));
    const { bodies, backend } = privateAurora(503);
    const mirror = new Mirror(storage, store, backend);
    mirror.note("connect", ADA);
    await mirror.run();
    expect(String(bodies[0])).toContain("SECRET-TOKEN");
    const kept = JSON.stringify([...storage.kv.list()]);
    expect(kept).toContain('"change":"connect"');
    expect(kept).not.toContain("SECRET-TOKEN");

    await store.set("org:acme", connectionOf("ada", { orgId: "acme", token: "newer" }));
    mirror.check();
    await mirror.run();
    expect(String(bodies.at(-1))).toContain("newer");
  });
});

test("after Aurora answered a disconnect with 404, nothing stays stored, because Aurora has no credential any more", async () => {
  await runInDurableObject(env.TENANT.getByName("org:gone"), async (_, { storage }) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    const { bodies, backend } = privateAurora(404);
    const mirror = new Mirror(storage, store, backend);
    mirror.note("disconnect", ADA);
    await mirror.run();
    expect(bodies).toEqual([null]);
    expect(mirror.nextAtMs).toBeNull();
    expect([...storage.kv.list()]).toEqual([]);
  });
});

test("without AURORA_BACKEND_URL, a disconnect stores, plans and shows no call to Aurora", async () => {
  await runInDurableObject(env.TENANT.getByName("org:alone"), async (_, { storage }) => {
    const mirror = new Mirror(storage, new ConnectionStore(storage, env.CONNECTIONS, keyring), null);
    mirror.note("disconnect", ADA);
    await mirror.run();
    expect([...storage.kv.list()]).toEqual([]);
    expect([mirror.nextAtMs, mirror.view]).toEqual([null, null]);
  });
});
