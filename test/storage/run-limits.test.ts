import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, inject, test, vi } from "vitest";
import { ContextCollector } from "../../src/analysis/context.ts";
import { JobRunner } from "../../src/tenant/job-runner.ts";
import { DeliveryJobs } from "../../src/tenant/jobs.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

/** The limits that Cloudflare puts on one invocation, imposed on the runs of a tenant's jobs. */

/** On the free plan. */
const MAX_SUBREQUESTS = 50;
/** Connections that may wait for headers at once. */
const MAX_CONNECTIONS = 6;
/** Of CPU; here of time, which is stricter. */
const MAX_RUN_MS = 30_000;
const EVENTS = 300;

/** An Aurora behind the platform's limits. */
class LimitedAurora {
  readonly sent: string[] = [];
  /** Made by the present run. */
  requests = 0;
  mostOpen = 0;
  refused = 0;
  /** Called for each request that is taken. */
  onRequest: () => void = () => undefined;
  #open = 0;

  async fetch(_url: string, init: RequestInit): Promise<Response> {
    this.requests += 1;
    if (this.requests > MAX_SUBREQUESTS) {
      this.refused += 1;
      throw new Error("Too many subrequests by single Worker invocation.");
    }
    this.#open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.#open);
    this.onRequest();
    await Promise.resolve();
    this.sent.push(new Headers(init.headers).get("webhook-id") ?? "");
    this.#open -= 1;
    return new Response(null, { status: 202 });
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** Fills the outbox of a fresh object. @param run runs its jobs once, as one invocation; false when none is left */
const withOutbox = (
  userId: string,
  work: (aurora: LimitedAurora, run: () => Promise<boolean>, sql: SqlStorage) => Promise<void>,
): Promise<void> =>
  runInDurableObject(env.TENANT.getByName(`user:${userId}`), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, userId);
    for (const { webhookId, body } of inject("history").slice(0, EVENTS)) {
      const webhook = receivedWebhook(userId, webhookId, body, { receivedAtMs: Date.now() });
      takeIn(context, webhook, "signature", Date.now());
    }
    const aurora = new LimitedAurora();
    const target = { origin: "https://aurora.example.com", headers: {}, binding: aurora };
    const runner = new JobRunner(
      new DeliveryJobs({ ...context, contexts: new ContextCollector(context), aurora: target }),
    );
    const run = async () => {
      aurora.requests = 0;
      return (await runner.run()) !== null;
    };
    await work(aurora, run, context.sql);
  });

const rowsOf = (sql: SqlStorage, where: string) =>
  Number([...sql.exec(`SELECT count(*) AS n FROM journal WHERE ${where}`)][0]?.["n"]);

test("runs within 50 requests and six connections deliver everything once, and use up no attempt", async () => {
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
    expect(new Set(aurora.sent).size).toBe(aurora.sent.length);
  });
});

test("a run ends before the platform stops it, and the next run continues", async () => {
  await withOutbox("time", async (aurora, run, sql) => {
    const deliveries = rowsOf(sql, "delivery IS NOT NULL");
    const now = Date.now.bind(Date);
    let passedMs = 0;
    vi.spyOn(Date, "now").mockImplementation(() => now() + passedMs);
    // Each request takes two seconds of the run.
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
    expect(new Set(aurora.sent).size).toBe(aurora.sent.length);
  });
});
