import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { ContextCollector } from "../../src/analysis/context.ts";
import type { Lane } from "../../src/delivery/outbox.ts";
import { appendEntry, LANE } from "../../src/storage/journal.ts";
import type { Job } from "../../src/tenant/job-runner.ts";
import { DeliveryJobs } from "../../src/tenant/jobs.ts";
import { connectedContext } from "./connected-context.ts";

/**
 * A tenant has three places for deliveries in progress. The tests check which due deliveries start while others hang.
 * Lanes: `first` (new), `again` (failed before), `missingNumber` (needs the incident's number from PagerDuty),
 * `context` (has waited for the incident's context).
 */

interface Places {
  /** Stores `count` due deliveries (default: one) in a lane, each of a new incident. */
  add(lane: Lane, count?: number): void;
  /** Starts each due delivery that gets a place. The started deliveries hang. @returns their lanes */
  start(): Lane[];
}

const withPlaces = (name: string, work: (places: Places) => void): Promise<void> =>
  runInDurableObject(env.TENANT.getByName(`user:${name}`), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, name);
    const hanging = { fetch: () => new Promise<Response>(() => undefined) };
    const aurora = { origin: "https://aurora.example.com", headers: {}, binding: hanging, secrets: [] };
    const jobs = new DeliveryJobs({ ...context, contexts: new ContextCollector(context), aurora });
    const laneOfKey = new Map<string, Lane>();
    const busy = new Set<string>();
    work({
      add(lane, count = 1) {
        for (let added = 0; added < count; added += 1) {
          const incidentId = `P${laneOfKey.size}`;
          const entry = {
            kind: "webhook",
            type: "t",
            outcome: "applied",
            receivedAtMs: 1,
            incidentId,
          } as const;
          const seq = appendEntry(context.sql, entry, 1);
          context.sql.exec("UPDATE journal SET lane = ? WHERE seq = ?", LANE[lane], seq);
          laneOfKey.set(`delivery:${incidentId}`, lane);
        }
      },
      start() {
        const due: Job[] = jobs.due(Date.now(), busy);
        for (const { key, run } of due) {
          busy.add(key);
          void run();
        }
        return due.flatMap(({ key }) => laneOfKey.get(key) ?? []);
      },
    });
  });

test("deliveries that failed before, and deliveries that need an incident number, leave one place free", async () => {
  await withPlaces("leave", ({ add, start }) => {
    add("again", 3);
    add("missingNumber", 3);
    expect(start()).toEqual(["missingNumber", "again"]);
    expect(start()).toEqual([]);
    add("context");
    expect(start()).toEqual(["context"]);
    add("first");
    expect(start()).toEqual([]);
  });
});

test("while two retries are in progress, a new delivery gets the third place, and a delivery that needs an incident number waits", async () => {
  await withPlaces("two", ({ add, start }) => {
    add("again", 3);
    expect(start()).toEqual(["again", "again"]);
    add("missingNumber");
    expect(start()).toEqual([]);
    add("first");
    expect(start()).toEqual(["first"]);
  });
});

test("new deliveries can take every place", async () => {
  await withPlaces("new", ({ add, start }) => {
    add("again");
    add("first", 4);
    expect(start()).toEqual(["first", "first", "first"]);
  });
});
