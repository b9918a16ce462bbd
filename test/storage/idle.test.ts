import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, inject, test, vi } from "vitest";

/** A tenant without problems and without new events costs almost nothing. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const caller = { userId: "idle", orgId: null };
const tenant = () => env.TENANT.getByName("user:idle");

const stored = () => runInDurableObject(tenant(), (_, { storage }) => JSON.stringify([...storage.kv.list()]));
const keyValuePrototype = () =>
  runInDurableObject(tenant(), (_, { storage }): SyncKvStorage => Object.getPrototypeOf(storage.kv));
const alarmInMs = () =>
  runInDurableObject(tenant(), async (_, { storage }) => ((await storage.getAlarm()) ?? 0) - Date.now());

test("after the first checks, checks write nothing and run once an hour, even after an eviction", async () => {
  const input = { token: inject("tokens").us, displayName: "P", region: "us", subscribe: false } as const;
  expect(await tenant().connectToken(caller, input, "https://worker.example/x/idle")).toMatchObject({
    ok: true,
  });
  for (let check = 0; check < 4; check += 1)
    await tenant().reconcile(caller, "https://worker.example/x/idle");
  // The alarm of the first checks is still set, but no work is due when it runs.
  await runDurableObjectAlarm(tenant());
  await expect.poll(alarmInMs).toBeGreaterThan(30 * MINUTE_MS);
  expect(await alarmInMs()).toBeLessThanOrEqual(HOUR_MS);
  const before = await stored();
  const put = vi.spyOn(await keyValuePrototype(), "put");
  await tenant().reconcile(caller, "https://worker.example/x/idle");
  expect(put).not.toHaveBeenCalled();
  put.mockRestore();
  await runDurableObjectAlarm(tenant());
  expect(await stored()).toBe(before);
  await expect.poll(alarmInMs).toBeGreaterThan(30 * MINUTE_MS);
  await evictDurableObject(tenant());
  await tenant().status(caller, "https://worker.example/x/idle");
  expect(await stored()).toBe(before);
  expect(await alarmInMs()).toBeGreaterThan(30 * MINUTE_MS);
});

test("a refused webhook makes a check due within a minute", async () => {
  await tenant().countRefusal("the signing secret does not match");
  await expect.poll(alarmInMs).toBeLessThanOrEqual(MINUTE_MS);
});
