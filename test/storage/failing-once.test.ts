import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { ContextCollector } from "../../src/analysis/context.ts";
import type { TenantContext } from "../../src/connection/tenant-context.ts";
import { deliver } from "../../src/delivery/attempt.ts";
import { recover } from "../../src/reconcile/missed-incidents.ts";
import { AnalysisJobs, hintJobs } from "../../src/tenant/jobs.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

/** If any single SQL statement fails once, no work is given up. */

const NOW = Date.parse("2026-11-22T03:00:00Z");
const incident = { id: "P1", type: "incident", number: 7, title: "Down", status: "triggered" };
const event = {
  id: "E1",
  event_type: "incident.triggered",
  resource_type: "incident",
  occurred_at: new Date(NOW).toISOString(),
  data: incident,
};

afterEach(() => void vi.unstubAllGlobals());

function failingSql(sql: SqlStorage, failing: number): { sql: SqlStorage; hasFailed: () => boolean } {
  let statements = 0;
  const proxy = new Proxy(sql, {
    get(target, property) {
      if (property !== "exec") return Reflect.get(target, property, target);
      return (query: string, ...values: SqlStorageValue[]) => {
        statements += 1;
        if (statements === failing) throw new Error("The storage failed");
        return target.exec(query, ...values);
      };
    },
  });
  return { sql: proxy, hasFailed: () => statements >= failing };
}

/**
 * Calls `run` in many new objects. In the nth object, the nth statement of `run` fails. @param run is called again if
 * it throws
 */
async function failEach(
  name: string,
  trust: "signature" | "callback",
  run: (context: TenantContext) => Promise<unknown>,
  verify: (context: TenantContext) => void = () => undefined,
): Promise<void> {
  vi.stubGlobal("fetch", async (url: string) => {
    const { pathname } = new URL(url);
    if (pathname === "/incidents/P1") return Response.json({ incident });
    return Response.json({ incidents: pathname === "/incidents" ? [incident] : [], custom_fields: [] });
  });
  let isPast = false;
  for (let failing = 1; !isPast; failing += 1) {
    const userId = `${name}-${failing}`;
    isPast = await runInDurableObject(env.TENANT.getByName(`user:${userId}`), async (_, { storage }) => {
      const context = await connectedContext(storage, env.CONNECTIONS, userId);
      const unsigned = { verification: trust, receivedAtMs: NOW };
      takeIn(context, receivedWebhook(userId, "W1", JSON.stringify({ event }), unsigned), trust, NOW);
      const { sql, hasFailed } = failingSql(context.sql, failing);
      await run({ ...context, sql }).catch(() => run({ ...context, sql }));
      const given = context.sql.exec(
        "SELECT 1 FROM journal WHERE delivery = 'dead' OR outcome = 'failed' UNION ALL SELECT 1 FROM set_aside",
      );
      expect([...given], `statement ${failing}`).toEqual([]);
      verify(context);
      return !hasFailed();
    });
    if (failing === 1) expect(isPast).toBe(false);
  }
}

const countOf = ({ sql }: TenantContext, where: string) =>
  [...sql.exec(`SELECT 1 FROM journal WHERE ${where}`)].length;

test("if a statement fails, a delivery still reaches Aurora once, or waits for its next attempt", async () => {
  let calls = 0;
  const fetchAurora = async () => {
    calls += 1;
    return new Response(null, { status: 202 });
  };
  const aurora = {
    origin: "https://aurora.example.com",
    headers: {},
    binding: { fetch: fetchAurora },
    secrets: [],
  };
  await failEach(
    "delivery",
    "signature",
    async (context) => {
      calls = 0;
      await deliver({ ...context, aurora }, 1);
    },
    (context) => {
      // If the notification cannot be read, Aurora is not called, but the attempt counts, and the next attempt is
      // scheduled.
      expect(countOf(context, "delivery = 'delivered'")).toBe(calls);
      expect(countOf(context, "seq = 1 AND delivery IN ('delivered', 'pending')")).toBe(1);
    },
  );
});

test("if a statement fails, an analysis is still requested", async () => {
  const analyse = async (context: TenantContext) => {
    const jobs = new AnalysisJobs({ ...context, contexts: new ContextCollector(context) });
    for (const job of jobs.due(NOW * 2, new Set())) await job.run();
  };
  await failEach("analysis", "signature", analyse, (context) => {
    expect(countOf(context, "type = 'incident.rca_requested'")).toBe(1);
  });
});

test("if a statement fails, an unsigned webhook is still confirmed", async () => {
  const readBack = async (context: TenantContext) => {
    for (const job of hintJobs(context).due(NOW * 2, new Set())) await job.run();
  };
  await failEach("read-back", "callback", readBack, (context) => {
    expect(countOf(context, "webhook_id = 'W1' AND outcome = 'applied'")).toBe(1);
  });
});

test("if a statement fails, a check for missed incidents still gives up no incident", async () => {
  await failEach("check", "signature", (context) => recover(context, null, true, Date.now()));
});
