import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { createKeyring, sealText } from "../../src/connection/seal.ts";
import { ConnectionStore, readConnectionReplica } from "../../src/connection/store.ts";
import { connectionOf } from "../support/connection.ts";

/** The object owns the stored connection, seals it, and copies it to KV. */

const key = (kid: string, byte: number) => ({ kid, key: new Uint8Array(32).fill(byte) });
const keyring = createKeyring([key("k1", 1)]);

const inObject = <T>(name: string, work: (storage: DurableObjectStorage) => Promise<T>): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`user:${name}`), (_, { storage }) => work(storage));

test("a stored connection survives a restart and is copied to KV, sealed in both places", async () => {
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

test("a copy of one tenant's connection cannot be opened for another tenant", async () => {
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

test("after a key rotation a connection can still be opened, and is sealed again with the new key", async () => {
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

test("a connection whose sealing key is missing counts as unreadable, not as absent", async () => {
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

test("a connection of an unknown shape counts as unreadable, and can be cleared", async () => {
  await inObject("unknown-shape", async (storage) => {
    const tenantId = "user:unknown-shape";
    const sealed = await sealText(keyring, tenantId, JSON.stringify({ authType: "from_a_newer_version" }));
    storage.kv.put("connection", { tenantId, sealed });
    const store = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await store.open();
    expect(store.connection).toBeNull();
    expect(store.unreadable).toBe("unknown_shape");
    await store.clear(tenantId);
    expect(store.unreadable).toBeNull();
    expect(storage.kv.get("connection")).toBeUndefined();
  });
});

test("a write that KV refuses is retried later", async () => {
  await inObject("behind", async (storage) => {
    let down = true;
    const flaky: Pick<KVNamespace, "put" | "delete"> = {
      put: async (name: string, value: string) => {
        if (down) throw new Error("429 Too Many Requests");
        await env.CONNECTIONS.put(name, value);
      },
      delete: (name: string) => env.CONNECTIONS.delete(name),
    };
    const store = new ConnectionStore(storage, Object.assign(Object.create(env.CONNECTIONS), flaky), keyring);
    await store.set("user:behind", connectionOf("behind"));
    await store.replica.sync();
    expect(store.replica.nextAtMs).not.toBeNull();
    expect(await env.CONNECTIONS.get("connection:user:behind")).toBeNull();
    down = false;
    await store.replica.sync();
    expect(store.replica.nextAtMs).toBeNull();
    expect(await readConnectionReplica(env.CONNECTIONS, keyring, "user:behind")).toEqual(
      connectionOf("behind"),
    );
  });
});

test("after many concurrent changes the last change is in memory, in storage and in KV", async () => {
  await inObject("many", async (storage) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await store.set("user:many", connectionOf("many"));
    const names = Array.from({ length: 20 }, (_, index) => `name ${index}`);
    await Promise.all(
      names.map((displayName) => store.update((connection) => ({ ...connection, displayName }))),
    );
    expect(store.connection?.displayName).toBe("name 19");
    const later = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await later.open();
    expect(later.connection?.displayName).toBe("name 19");
    await store.replica.sync();
    expect((await readConnectionReplica(env.CONNECTIONS, keyring, "user:many"))?.displayName).toBe("name 19");
  });
});

test("clearing a connection removes everything in the object's storage and in KV", async () => {
  await inObject("cleared", async (storage) => {
    const store = new ConnectionStore(storage, env.CONNECTIONS, keyring);
    await store.set("user:cleared", connectionOf("cleared"));
    await store.replica.sync();
    await store.clear("user:cleared");
    expect([...storage.kv.list()]).toEqual([["connectionReplicaBehind", "connection:user:cleared"]]);
    await store.replica.sync();
    expect([...storage.kv.list()]).toEqual([]);
  });
  expect(await env.CONNECTIONS.get("connection:user:cleared")).toBeNull();
});

test("if a connection is made while the previous connection is being cleared, the tables exist afterwards", async () => {
  await inObject("reconnected", async (storage) => {
    const slow: Pick<KVNamespace, "put"> = {
      put: async (name: string, value: string) => {
        await scheduler.wait(50);
        await env.CONNECTIONS.put(name, value);
      },
    };
    const store = new ConnectionStore(storage, Object.assign(Object.create(env.CONNECTIONS), slow), keyring);
    const first = store.set("user:reconnected", connectionOf("reconnected"));
    const cleared = store.clear("user:reconnected");
    const second = store.set("user:reconnected", connectionOf("reconnected"));
    await Promise.all([first, cleared, second]);
    expect(store.connection).not.toBeNull();
    expect([...storage.sql.exec("SELECT count(*) AS n FROM journal")]).toEqual([{ n: 0 }]);
  });
});
