import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { Reconciler } from "../../src/reconcile/reconciler.ts";
import { connectedContext } from "./connected-context.ts";

afterEach(() => void vi.unstubAllGlobals());

/** Answers calls to PagerDuty with empty lists, but holds all answers until the returned function is called. */
function holdFirstAnswer(): () => void {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  vi.stubGlobal("fetch", async () => {
    await released;
    return Response.json({ incidents: [], webhook_subscriptions: [], custom_fields: [], more: false });
  });
  return release;
}

test("a webhook refused during a check makes another check due within a minute", async () => {
  const waits = await Promise.all(
    [false, true].map((isRefused) =>
      runInDurableObject(env.TENANT.getByName(`user:refused-${isRefused}`), async (_, { storage }) => {
        const release = holdFirstAnswer();
        const context = await connectedContext(storage, env.CONNECTIONS, `refused-${isRefused}`);
        const reconciler = new Reconciler(context, { leadsHere: () => false, isTaken: async () => false });
        const check = reconciler.check();
        if (isRefused) reconciler.noteRefusal(Date.now());
        release();
        await check;
        return (reconciler.nextAtMs ?? 0) - Date.now();
      }),
    ),
  );
  const [usual = 0, afterRefusal = 0] = waits;
  expect(usual).toBeGreaterThan(60_000);
  expect(afterRefusal).toBeGreaterThan(0);
  expect(afterRefusal).toBeLessThanOrEqual(60_000);
});
