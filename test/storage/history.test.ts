import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { recover } from "../../src/reconcile/missed-incidents.ts";
import { NO_PROGRESS } from "../../src/reconcile/progress.ts";
import { configWith, connectedContext } from "./connected-context.ts";

afterEach(() => void vi.unstubAllGlobals());

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Runs a check with RETENTION_DAYS=1, three days after the last check. PagerDuty lists one incident, which is not
 * stored and was resolved `agoMs` ago. @param asked true if a person asked for the check
 */
async function recovered(user: string, agoMs: number, asked: boolean): Promise<number> {
  const nowMs = Date.now();
  const at = new Date(nowMs - agoMs).toISOString();
  const incident = { id: "P1", title: "Down", status: "resolved", created_at: at, resolved_at: at };
  vi.stubGlobal("fetch", async (url: string) => {
    const { pathname, searchParams } = new URL(url);
    if (pathname.endsWith("/values")) return Response.json({ custom_fields: [] });
    const incidents = searchParams.has("statuses[]") ? [] : [incident];
    return Response.json({ incidents, more: false });
  });
  return runInDurableObject(env.TENANT.getByName(`user:${user}`), async (_, { storage }) => {
    const config = configWith({ RETENTION_DAYS: "1" });
    const context = await connectedContext(storage, env.CONNECTIONS, user, config);
    const connectedAtMs = nowMs - 100 * DAY_MS;
    storage.kv.put("recovery", { ...NO_PROGRESS, connectedAtMs, checkedUntilMs: nowMs - 3 * DAY_MS });
    return (await recover(context, null, asked, nowMs)).recovered;
  });
}

test("an automatic check skips incidents that were resolved more than RETENTION_DAYS ago", async () => {
  expect(await recovered("history-old", DAY_MS + HOUR_MS, false)).toBe(0);
  expect(await recovered("history-new", DAY_MS - HOUR_MS, false)).toBe(1);
});

test("a check that a person asked for recovers incidents of any age", async () => {
  expect(await recovered("history-asked", DAY_MS + HOUR_MS, true)).toBe(1);
});
