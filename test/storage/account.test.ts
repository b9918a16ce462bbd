import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore, readConnectionReplica } from "../../src/connection/store.ts";
import { connectionOf } from "../support/connection.ts";

/** The connection at rest: sealed, owned by the object, copied to KV. */

const key = (kid: string, byte: number) => ({ kid, key: new Uint8Array(32).fill(byte) });
const keyring = createKeyring([key("k1", 1)]);

const inObject = <T>(name: string, work: (storage: DurableObjectStorage) => Promise<T>): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`user:${name}`), (_, { storage }) => work(storage));

test("what was set is there after a restart, and in KV, sealed in both", async () => {
  await inObject("alice", async (storage) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await store.set("user:alice", connectionOf("alice"));
    await store.replica.sync();
    const later = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await later.open();
    expect(later.connection).toEqual(connectionOf("alice"));
    expect(JSON.stringify([...storage.kv.list()])).not.toContain("SECRET-TOKEN");
  });
  expect(await env.CONNECTIONS.get("connection:user:alice")).not.toContain("SECRET-TOKEN");
  expect(await readConnectionReplica(env.CONNECTIONS, keyring, "user:alice")).toEqual(connectionOf("alice"));
});

test("one user's copy opens for nobody else", async () => {
  await inObject("mallory", async (storage) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await store.set("user:mallory", connectionOf("mallory"));
    await store.replica.sync();
  });
  const stolen = await env.CONNECTIONS.get("connection:user:mallory");
  await env.CONNECTIONS.put("connection:user:victim", stolen ?? "");
  await expect(readConnectionReplica(env.CONNECTIONS, keyring, "user:victim")).rejects.toThrow(
    "not_authentic",
  );
});

test("a rotated key opens what the old one sealed, and seals it anew", async () => {
  await inObject("rotated", async (storage) => {
    await new ConnectionStore(storage, env.CONNECTIONS, keyring).set("user:rotated", connectionOf("rotated"));
    const rotated = createKeyring([key("k2", 2), key("k1", 1)]);
    const store = new ConnectionStore(storage, env.CONNECTIONS, rotated);
    await store.open();
    await store.replica.sync();
    expect(await env.CONNECTIONS.get("connection:user:rotated")).toMatch(/^k2\./);
    const withoutOld = new ConnectionStore(storage, env.CONNECTIONS, createKeyring([key("k2", 2)]));
    await withoutOld.open();
    expect(withoutOld.connection).toEqual(connectionOf("rotated"));
  });
});

test("a key that is gone is said, not taken for not connected", async () => {
  await inObject("lost-key", async (storage) => {
    await new ConnectionStore(storage, env.CONNECTIONS, keyring).set(
      "user:lost-key",
      connectionOf("lost-key"),
    );
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
    await account.set("user:behind", connectionOf("behind"));
    await account.replica.sync();
    expect(account.replica.nextAtMs).not.toBeNull();
    expect(await env.CONNECTIONS.get("connection:user:behind")).toBeNull();
    down = false;
    await account.replica.sync();
    expect(account.replica.nextAtMs).toBeNull();
    expect(await readConnectionReplica(env.CONNECTIONS, keyring, "user:behind")).toEqual(
      connectionOf("behind"),
    );
  });
});

test("many changes at once end in the last one, in memory, in storage and in KV", async () => {
  await inObject("many", async (storage) => {
    const account = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await account.set("user:many", connectionOf("many"));
    const names = Array.from({ length: 20 }, (_, index) => `name ${index}`);
    await Promise.all(
      names.map((displayName) => account.update((connection) => ({ ...connection, displayName }))),
    );
    expect(account.connection?.displayName).toBe("name 19");
    const later = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await later.open();
    expect(later.connection?.displayName).toBe("name 19");
    await account.replica.sync();
    expect((await readConnectionReplica(env.CONNECTIONS, keyring, "user:many"))?.displayName).toBe("name 19");
  });
});

test("clearing leaves nothing", async () => {
  await inObject("cleared", async (storage) => {
    const account = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await account.set("user:cleared", connectionOf("cleared"));
    await account.replica.sync();
    await account.clear("user:cleared");
    expect([...storage.kv.list()]).toEqual([["connectionReplicaBehind", "connection:user:cleared"]]);
    await account.replica.sync();
    expect([...storage.kv.list()]).toEqual([]);
  });
  expect(await env.CONNECTIONS.get("connection:user:cleared")).toBeNull();
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
    const first = account.set("user:reconnected", connectionOf("reconnected"));
    const cleared = account.clear("user:reconnected");
    const second = account.set("user:reconnected", connectionOf("reconnected"));
    await Promise.all([first, cleared, second]);
    expect(account.connection).not.toBeNull();
    expect([...storage.sql.exec("SELECT count(*) AS n FROM journal")]).toEqual([{ n: 0 }]);
  });
});
