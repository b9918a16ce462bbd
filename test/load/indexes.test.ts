import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test } from "vitest";
import { dueDeliveries, nextDeliveryAtMs, retryEarly } from "../../src/delivery/outbox.ts";
import { reviveDead } from "../../src/delivery/redelivery.ts";
import {
  boundConfirmed,
  boundUnconfirmed,
  dueHint,
  finishHint,
  hintedEntries,
  nextHintAtMs,
  pruneUnconfirmed,
} from "../../src/storage/hints.ts";
import { analysesDue, loadIncident, nextAnalysisAtMs } from "../../src/storage/incidents.ts";
import { entryOfEvent, entryOfWebhook } from "../../src/storage/journal.ts";
import { migrate } from "../../src/storage/migrations.ts";

/** Queries that run for every event or every alarm use an index, so their cost does not grow with the stored rows. */

const HINT = { incidentId: "incident", firstSeq: 1, dueAtMs: 1, attempts: 0 };

let plans: string[];
let storage: DurableObjectStorage;

beforeEach(() => {
  const database = new DatabaseSync(":memory:");
  const held = new Map<string, unknown>();
  plans = [];
  storage = {
    kv: { get: (key) => held.get(key), put: (key, value) => void held.set(key, value) },
    transactionSync: (work) => work(),
    sql: {
      exec(query, ...values) {
        if (/CREATE|ALTER|DROP/.test(query)) {
          database.exec(query);
          return Object.assign([], { rowsWritten: 0 });
        }
        const bound = values.map((value) => (typeof value === "number" ? value : String(value)));
        const plan = database.prepare(`EXPLAIN QUERY PLAN ${query}`).all(...bound);
        plans.push(...plan.map(({ detail }) => String(detail)));
        return Object.assign(query.startsWith("SELECT min") ? [{ at: null }] : [], { rowsWritten: 0 });
      },
    },
  };
  migrate(storage);
});

test.each<[string, (sql: SqlStorage) => unknown]>([
  ["new deliveries", (sql) => dueDeliveries(sql, "first", 1, 4)],
  ["failed deliveries", (sql) => dueDeliveries(sql, "again", 1, 4)],
  ["deliveries without a number", (sql) => dueDeliveries(sql, "missingNumber", 1, 4)],
  ["the next delivery", (sql) => nextDeliveryAtMs(sql, 0)],
  ["deliveries to retry early", (sql) => retryEarly(sql, 1)],
  ["dead deliveries", (sql) => reviveDead(sql, { ids: null, sinceMs: 0 }, "u", 1)],
  ["due analyses", (sql) => analysesDue(sql, 1, 2)],
  ["the next analysis", (sql) => nextAnalysisAtMs(sql, 0)],
  ["a webhook", (sql) => entryOfWebhook(sql, "webhook")],
  ["an event", (sql) => entryOfEvent(sql, "incident", "event")],
  ["an incident", (sql) => loadIncident(sql, "incident")],
  ["due hints", (sql) => dueHint(sql, 1)],
  ["the next hint", (sql) => nextHintAtMs(sql, 0)],
  ["webhooks that wait for a read-back", (sql) => hintedEntries(sql, HINT, 100)],
  ["webhooks received during a read-back", (sql) => finishHint(sql, HINT, 1, 1)],
  ["unconfirmed webhooks", (sql) => boundUnconfirmed(sql, 100)],
  ["confirmed webhooks", (sql) => boundConfirmed(sql, 100)],
  ["old unconfirmed webhooks", (sql) => pruneUnconfirmed(sql, 1, 500)],
])("%s are found by an index", (_, look) => {
  look(storage.sql);
  expect(plans.length).toBeGreaterThan(0);
  const reads = plans.filter((plan) => /^(SCAN|SEARCH)/.test(plan));
  for (const plan of reads)
    expect(plan).toMatch(/USING (COVERING )?INDEX|PRIMARY KEY|hints_pause|\(subquery/);
});

test.each<[string, (sql: SqlStorage) => unknown]>([
  ["due analyses", (sql) => analysesDue(sql, 1, 2)],
  ["due hints", (sql) => dueHint(sql, 1)],
  ["webhooks that wait for a read-back", (sql) => hintedEntries(sql, HINT, 100)],
])("%s are read in the order of their index, without sorting", (_, look) => {
  look(storage.sql);
  expect(plans.join()).not.toContain("TEMP B-TREE");
});
