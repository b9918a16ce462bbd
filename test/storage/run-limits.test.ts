import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, inject, test, vi } from "vitest";
import * as z from "zod/mini";
import { ContextCollector } from "../../src/analysis/context.ts";
import type { TenantContext } from "../../src/connection/tenant-context.ts";
import { JobRunner } from "../../src/tenant/job-runner.ts";
import { DeliveryJobs } from "../../src/tenant/jobs.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

/** The runs of a tenant's jobs stay within Cloudflare's limits for one invocation. */

/** The number of requests that one run may make on Cloudflare's free plan. */
const MAX_SUBREQUESTS = 50;
/** The number of connections that may wait for response headers at the same time. */
const MAX_CONNECTIONS = 6;
/** Cloudflare's limit of CPU time for one run. The test applies it to the elapsed time, which is longer. */
const MAX_RUN_MS = 30_000;
/** The first two words make the test runner hide workerd's log line about the stop. */
const STOPPED = "Instance dispose: exceeded its CPU time limit";
const EVENTS = 300;
const MAX_DELIVERIES = 3;

const Sent = z.object({
  data: z.object({ incident: z.object({ incidentId: z.string(), version: z.number() }) }),
});

/** An Aurora that enforces the platform's limits on its callers. */
class LimitedAurora {
  /** The received notifications; `id` is the `webhook-id`. */
  readonly sent: { id: string; incidentId: string; version: number }[] = [];
  requests = 0;
  mostOpen = 0;
  refused = 0;
  /** Called for each accepted request, before it is answered. */
  onRequest: () => void | Promise<void> = () => undefined;
  /** Resolves when all earlier writes are durable, because the platform sends a request only then. */
  whenDurable: () => Promise<void> = () => Promise.resolve();
  #open = 0;

  async fetch(_url: string, init: RequestInit): Promise<Response> {
    this.requests += 1;
    if (this.requests > MAX_SUBREQUESTS) {
      this.refused += 1;
      throw new Error("Too many subrequests by single Worker invocation.");
    }
    this.#open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.#open);
    await this.whenDurable();
    const { incident } = Sent.parse(JSON.parse(String(init.body))).data;
    this.sent.push({ id: new Headers(init.headers).get("webhook-id") ?? "", ...incident });
    await this.onRequest();
    this.#open -= 1;
    return new Response(null, { status: 202 });
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

function fillOutbox(context: TenantContext, userId: string): void {
  for (const { webhookId, body } of inject("history").slice(0, EVENTS)) {
    const webhook = receivedWebhook(userId, webhookId, body, { receivedAtMs: Date.now() });
    takeIn(context, webhook, "signature", Date.now());
  }
}

/** @returns a function that runs the jobs once, and returns false if no job is left */
function runsOf(context: TenantContext, aurora: LimitedAurora): () => Promise<boolean> {
  aurora.whenDurable = () => context.storage.sync();
  const target = { origin: "https://aurora.example.com", headers: {}, binding: aurora, secrets: [] };
  const runner = new JobRunner(
    new DeliveryJobs({ ...context, contexts: new ContextCollector(context), aurora: target }),
  );
  return async () => {
    aurora.requests = 0;
    return (await runner.run()) !== null;
  };
}

const withOutbox = (
  userId: string,
  work: (aurora: LimitedAurora, run: () => Promise<boolean>, sql: SqlStorage) => Promise<void>,
): Promise<void> =>
  runInDurableObject(env.TENANT.getByName(`user:${userId}`), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, userId);
    fillOutbox(context, userId);
    const aurora = new LimitedAurora();
    await work(aurora, runsOf(context, aurora), context.sql);
  });

const idsOf = ({ sent }: LimitedAurora) => sent.map(({ id }) => id);
const rowsOf = (sql: SqlStorage, where: string) =>
  Number([...sql.exec(`SELECT count(*) AS n FROM journal WHERE ${where}`)][0]?.["n"]);

test("runs stay within 50 requests and six connections, and deliver everything once, at the first attempt", async () => {
  await withOutbox("requests", async (aurora, run, sql) => {
    const deliveries = rowsOf(sql, "delivery IS NOT NULL");
    expect(deliveries).toBeGreaterThan(2 * MAX_SUBREQUESTS);
    let runs = 1;
    while (await run()) runs += 1;
    expect(runs).toBeGreaterThan(1);
    expect(aurora.refused).toBe(0);
    expect(aurora.mostOpen).toBeGreaterThan(1);
    expect(aurora.mostOpen).toBeLessThanOrEqual(MAX_CONNECTIONS);
    expect(rowsOf(sql, "delivery = 'delivered' AND attempts = 1")).toBe(deliveries);
    expect(new Set(idsOf(aurora)).size).toBe(aurora.sent.length);
  });
});

test("a run ends before the platform stops it, and the next run continues its work", async () => {
  await withOutbox("time", async (aurora, run, sql) => {
    const deliveries = rowsOf(sql, "delivery IS NOT NULL");
    const now = Date.now.bind(Date);
    let passedMs = 0;
    vi.spyOn(Date, "now").mockImplementation(() => now() + passedMs);
    aurora.onRequest = () => {
      passedMs += 2_000;
    };
    let isLeft = true;
    while (isLeft) {
      const startedAtMs = passedMs;
      isLeft = await run();
      expect(passedMs - startedAtMs).toBeLessThan(MAX_RUN_MS);
    }
    expect(rowsOf(sql, "delivery = 'delivered' AND attempts = 1")).toBe(deliveries);
    expect(new Set(idsOf(aurora)).size).toBe(aurora.sent.length);
  });
});

test("if a run is stopped during a call, nothing is lost, the interrupted attempts do not count, and only deliveries in progress are repeated", async () => {
  // A stub cannot be used after its object was stopped.
  const tenant = () => env.TENANT.getByName("user:stopped");
  await runInDurableObject(tenant(), async (_, { storage }) => {
    fillOutbox(await connectedContext(storage, env.CONNECTIONS, "stopped"), "stopped");
  });
  const aurora = new LimitedAurora();
  const stops = [1, 15];
  for (const stopAfter of stops) {
    const stopped = runInDurableObject(tenant(), async (_, state) => {
      const context = await connectedContext(state.storage, env.CONNECTIONS, "stopped");
      let isStopped = false;
      aurora.onRequest = async () => {
        if (aurora.requests < stopAfter) return;
        // Aborts the object, so that everything in its memory is lost.
        if (!isStopped) state.abort(STOPPED);
        isStopped = true;
        // Aurora has received the request, but its answer never arrives.
        await new Promise(() => undefined);
      };
      await runsOf(context, aurora)();
    });
    await expect(stopped).rejects.toThrow(STOPPED);
  }
  aurora.onRequest = () => undefined;
  await runInDurableObject(tenant(), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "stopped");
    const run = runsOf(context, aurora);
    while (await run());
    const deliveries = rowsOf(context.sql, "delivery IS NOT NULL");
    expect(deliveries).toBeGreaterThan(2 * MAX_SUBREQUESTS);
    expect(rowsOf(context.sql, "delivery = 'delivered' AND attempts = 1")).toBe(deliveries);
    expect(new Set(idsOf(aurora)).size).toBe(deliveries);
  });
  expect(aurora.refused).toBe(0);
  const repeated = aurora.sent.length - new Set(idsOf(aurora)).size;
  expect(repeated).toBeGreaterThanOrEqual(stops.length);
  expect(repeated).toBeLessThanOrEqual(stops.length * MAX_DELIVERIES);
  for (const notifications of Map.groupBy(aurora.sent, ({ incidentId }) => incidentId).values()) {
    const versions = notifications.map(({ version }) => version);
    // A repeated notification keeps its id, and comes before the incident's next notification.
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    const versionOf = new Map(notifications.map(({ id, version }) => [id, version]));
    expect([...versionOf.values()]).toEqual([...versionOf].map((_, index) => index + 1));
  }
});
