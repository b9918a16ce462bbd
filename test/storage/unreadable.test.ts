import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { configOf } from "../../src/config.ts";
import { createKeyring, sealText } from "../../src/connection/seal.ts";
import { ConnectionStore } from "../../src/connection/store.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { Connecting } from "../../src/tenant/connect.ts";
import { Intake } from "../../src/webhooks/intake.ts";
import { ParkedWebhooks } from "../../src/webhooks/parked.ts";
import { Verifier } from "../../src/webhooks/verify.ts";
import { connectionOf } from "../support/connection.ts";
import { receivedWebhook } from "../support/received.ts";

/** No webhook is lost while a key is missing in CREDENTIALS_KEYS. */

afterEach(() => void vi.unstubAllGlobals());

async function unreadable<T>(
  user: string,
  kv: KVNamespace,
  work: (store: ConnectionStore, gate: Verifier, storage: DurableObjectStorage) => Promise<T>,
): Promise<T> {
  return runInDurableObject(env.TENANT.getByName(`user:${user}`), async (_, { storage }) => {
    migrate(storage);
    const lost = createKeyring([{ kid: "k0", key: new Uint8Array(32).fill(9) }]);
    const sealed = await sealText(lost, `user:${user}`, JSON.stringify(connectionOf(user)));
    storage.kv.put("connection", { tenantId: `user:${user}`, sealed });
    const store = new ConnectionStore(storage, kv, createKeyring(configOf(env).credentialsKeys));
    await store.open();
    expect(store.unreadable).toBe("unknown_key");
    return work(store, new Verifier(store), storage);
  });
}

const webhook = receivedWebhook("u", "w", "\0\0");

describe("a webhook for a connection that no configured key can open", () => {
  test("is retried by the Queue, and stored as failed after the last retry", async () => {
    const { outcomes, parked } = await unreadable("queued", env.CONNECTIONS, async (_, gate, storage) => {
      const context = { storage, sql: storage.sql, config: configOf(env), connectedUser: () => "u" };
      const intake = new Intake(context, gate);
      const tried = await intake.takeAll([webhook]);
      await new ParkedWebhooks(context, gate, intake).parkAll([webhook]);
      return {
        outcomes: tried,
        parked: [...storage.sql.exec("SELECT webhook_id, outcome, verification FROM journal")],
      };
    });
    expect(outcomes).toEqual(["failed"]);
    expect(parked).toEqual([{ webhook_id: "w", outcome: "failed", verification: "signature" }]);
  });
});

test("while a new connection replaces an unreadable connection, webhooks never get the answer 'not connected'", async () => {
  vi.stubGlobal("fetch", async () => Response.json({ user: { name: "A", html_url: null } }));
  const slow: Pick<KVNamespace, "put" | "delete"> = {
    put: async () => scheduler.wait(50),
    delete: async () => scheduler.wait(100),
  };
  const kv = new Proxy(env.CONNECTIONS, {
    get: (target, name) => Reflect.get(name in slow ? slow : target, name),
  });
  const verdicts = await unreadable("reconnecting", kv, async (store, gate) => {
    const connecting = new Connecting(store, configOf(env), {
      removeSubscription: async () => null,
      forgetLogins: () => undefined,
      anyIncidentId: () => null,
      noteDisconnect: () => undefined,
    });
    const seen = new Set<string>();
    const look = async () =>
      seen.add(
        (await gate.judge({ signature: "v1=00", subscriptionId: null, body: Uint8Array.of(1) })).verdict,
      );
    let isOver = false;
    const connected = connecting
      .connectToken(
        { userId: "reconnecting", orgId: null },
        { token: "u+token", displayName: "PagerDuty", region: "us" },
      )
      .finally(() => {
        isOver = true;
      });
    while (!isOver) {
      await look();
      await scheduler.wait(1);
    }
    await connected;
    await look();
    return seen;
  });
  expect(verdicts).not.toContain("not_connected");
  expect(verdicts).toContain("unverifiable");
});
