import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { readReplica } from "../../src/connection/replica.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore } from "../../src/connection/store.ts";
import { connectionOf } from "../support/connection.ts";

/** The connection at rest: sealed, owned by the object, copied to KV. */

const key = (kid: string, byte: number) => ({ kid, key: new Uint8Array(32).fill(byte) });
const keyring = createKeyring([key("k1", 1)]);

const inObject = <T>(name: string, work: (storage: DurableObjectStorage) => Promise<T>): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(name), (_, { storage }) => work(storage));

test("what was set is there after a restart, and in KV, sealed in both", async () => {
  await inObject("alice", async (storage) => {
    await new ConnectionStore(storage, env.CONNECTIONS, keyring).set(connectionOf("alice"));
    const later = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await later.open();
    expect(later.connection).toEqual(connectionOf("alice"));
    expect(JSON.stringify([...storage.kv.list()])).not.toContain("SECRET-TOKEN");
  });
  expect(await env.CONNECTIONS.get("connection:alice")).not.toContain("SECRET-TOKEN");
  expect(await readReplica(env.CONNECTIONS, keyring, "alice")).toEqual(connectionOf("alice"));
});

test("one user's copy opens for nobody else", async () => {
  await inObject("mallory", async (storage) => {
    await new ConnectionStore(storage, env.CONNECTIONS, keyring).set(connectionOf("mallory"));
  });
  const stolen = await env.CONNECTIONS.get("connection:mallory");
  await env.CONNECTIONS.put("connection:victim", stolen ?? "");
  await expect(readReplica(env.CONNECTIONS, keyring, "victim")).rejects.toThrow("not_authentic");
});

test("a rotated key opens what the old one sealed, and seals it anew", async () => {
  await inObject("rotated", async (storage) => {
    await new ConnectionStore(storage, env.CONNECTIONS, keyring).set(connectionOf("rotated"));
    const rotated = createKeyring([key("k2", 2), key("k1", 1)]);
    await new ConnectionStore(storage, env.CONNECTIONS, rotated).open();
    expect(await env.CONNECTIONS.get("connection:rotated")).toMatch(/^k2\./);
    const withoutOld = new ConnectionStore(storage, env.CONNECTIONS, createKeyring([key("k2", 2)]));
    await withoutOld.open();
    expect(withoutOld.connection).toEqual(connectionOf("rotated"));
  });
});

test("a key that is gone is said, not taken for not connected", async () => {
  await inObject("lost-key", async (storage) => {
    await new ConnectionStore(storage, env.CONNECTIONS, keyring).set(connectionOf("lost-key"));
    const later = new ConnectionStore(storage, env.CONNECTIONS, createKeyring([key("k9", 9)]));
    await later.open();
    expect(later.connection).toBeNull();
    expect(later.unreadable).toBe("unknown_key");
  });
});

test("when KV refuses the write the object remembers, and catches up", async () => {
  await inObject("behind", async (storage) => {
    let down = true;
    const flaky: Pick<KVNamespace, "put" | "delete"> = {
      put: async (name: string, value: string) => {
        if (down) throw new Error("429 Too Many Requests");
        await env.CONNECTIONS.put(name, value);
      },
      delete: (name: string) => env.CONNECTIONS.delete(name),
    };
    const account = new ConnectionStore(
      storage,
      Object.assign(Object.create(env.CONNECTIONS), flaky),
      keyring,
    );
    await account.set(connectionOf("behind"));
    expect(account.replicaBehind).toBe(true);
    expect(await env.CONNECTIONS.get("connection:behind")).toBeNull();
    down = false;
    await account.catchUpReplica();
    expect(account.replicaBehind).toBe(false);
    expect(await readReplica(env.CONNECTIONS, keyring, "behind")).toEqual(connectionOf("behind"));
  });
});

test("many changes at once end in the last one, in memory, in storage and in KV", async () => {
  await inObject("many", async (storage) => {
    const account = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await account.set(connectionOf("many"));
    const names = Array.from({ length: 20 }, (_, index) => `name ${index}`);
    await Promise.all(
      names.map((displayName) => account.update((connection) => ({ ...connection, displayName }))),
    );
    expect(account.connection?.displayName).toBe("name 19");
    const later = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await later.open();
    expect(later.connection?.displayName).toBe("name 19");
    expect((await readReplica(env.CONNECTIONS, keyring, "many"))?.displayName).toBe("name 19");
  });
});

test("clearing leaves nothing", async () => {
  await inObject("cleared", async (storage) => {
    const account = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await account.set(connectionOf("cleared"));
    await account.clear();
    expect([...storage.kv.list()]).toEqual([]);
  });
  expect(await env.CONNECTIONS.get("connection:cleared")).toBeNull();
});

test("a connection that is made while the one before is being cleared has its tables", async () => {
  await inObject("reconnected", async (storage) => {
    const slow: Pick<KVNamespace, "put"> = {
      put: async (name: string, value: string) => {
        await scheduler.wait(50);
        await env.CONNECTIONS.put(name, value);
      },
    };
    const account = new ConnectionStore(
      storage,
      Object.assign(Object.create(env.CONNECTIONS), slow),
      keyring,
    );
    const first = account.set(connectionOf("reconnected"));
    const cleared = account.clear();
    const second = account.set(connectionOf("reconnected"));
    await Promise.all([first, cleared, second]);
    expect(account.connection).not.toBeNull();
    expect([...storage.sql.exec("SELECT count(*) AS n FROM journal")]).toEqual([{ n: 0 }]);
  });
});
