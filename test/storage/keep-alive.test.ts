import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { configOf } from "../../src/config.ts";
import type { OAuthConnection } from "../../src/connection/connection.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore, readConnectionReplica } from "../../src/connection/store.ts";
import { FRESH } from "../../src/reconcile/watch.ts";
import { connectionOf } from "../support/connection.ts";

/**
 * The alarm refreshes an access token that no call uses, because PagerDuty may refuse a refresh after the token has
 * expired.
 */

const MINUTE_MS = 60_000;
const keyring = () => createKeyring(configOf(env).credentialsKeys);

async function connect(userId: string, leftMs: number): Promise<void> {
  const user = env.TENANT.getByName(`user:${userId}`);
  const nowMs = Date.now();
  const { token: _, ...common } = connectionOf(userId);
  const connection: OAuthConnection = {
    ...common,
    authType: "oauth",
    accessToken: "old",
    refreshToken: "unused",
    obtainedAtMs: nowMs - 10 * 24 * 60 * MINUTE_MS,
    expiresAtMs: nowMs + leftMs,
    refreshed: false,
    accessRefusedAtMs: null,
    grantedScopes: [],
    requestedScopes: [],
  };
  await runInDurableObject(user, async (_object, { storage }) => {
    await new ConnectionStore(storage, env.CONNECTIONS, keyring()).set(`user:${userId}`, connection);
    // Plans the next check for later, because a check uses the token.
    const nextAtMs = nowMs + 60 * MINUTE_MS;
    storage.kv.put("watch", { ...FRESH, nextAtMs });
    await storage.setAlarm(nextAtMs);
  });
  await evictDurableObject(user);
}

const tokenOf = async (userId: string) => {
  const connection = await readConnectionReplica(env.CONNECTIONS, keyring(), `user:${userId}`);
  return connection?.authType === "oauth" ? connection.accessToken : null;
};

test("the alarm refreshes an unused token that expires in less than five minutes", async () => {
  await connect("unused", 4 * MINUTE_MS);
  expect(await runDurableObjectAlarm(env.TENANT.getByName("user:unused"))).toBe(true);
  expect(await tokenOf("unused")).toBe("fresh");
});

test("if an unused token expires in more than five minutes, the alarm is set for the time when its refresh is due", async () => {
  await connect("fresh-enough", 9 * MINUTE_MS);
  const user = env.TENANT.getByName("user:fresh-enough");
  await runDurableObjectAlarm(user);
  expect(await tokenOf("fresh-enough")).toBe("old");
  const atMs = await runInDurableObject(user, (_object, { storage }) => storage.getAlarm());
  expect((atMs ?? Number.POSITIVE_INFINITY) - Date.now()).toBeLessThanOrEqual(4 * MINUTE_MS);
});
