import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test } from "vitest";
import { dueHint, nextHintAtMs } from "../../src/incidents/hints.ts";
import { entryOfEvent, entryOfWebhook } from "../../src/incidents/journal.ts";
import { migrate } from "../../src/incidents/migrations.ts";
import {
  dueDeliveries,
  nextDeliveryAtMs,
  reviveDead,
  waitingDeliveries,
} from "../../src/incidents/outbox.ts";
import { analysesDue, loadIncident, nextAnalysisAtMs } from "../../src/incidents/store.ts";

/** What runs for every event or on every turn of the alarm must not read what is stored, however much it is. */

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
        if (/CREATE|ALTER/.test(query)) {
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
  ["deliveries without a number", (sql) => dueDeliveries(sql, "numberless", 1, 4)],
  ["the next delivery", (sql) => nextDeliveryAtMs(sql, 0)],
  ["deliveries that may be hurried", (sql) => waitingDeliveries(sql, 1, 50)],
  ["dead deliveries", (sql) => reviveDead(sql, null, 1)],
  ["due analyses", (sql) => analysesDue(sql, 1, 2)],
  ["the next analysis", (sql) => nextAnalysisAtMs(sql, 0)],
  ["a webhook", (sql) => entryOfWebhook(sql, "webhook")],
  ["an event", (sql) => entryOfEvent(sql, "incident", "event")],
  ["an incident", (sql) => loadIncident(sql, "incident")],
])("%s are found by an index", (_, look) => {
  look(storage.sql);
  expect(plans.length).toBeGreaterThan(0);
  const reads = plans.filter((plan) => /^(SCAN|SEARCH)/.test(plan));
  for (const plan of reads) expect(plan).toMatch(/USING (COVERING )?INDEX|PRIMARY KEY/);
});

test("due analyses come in the order of their index, unsorted", () => {
  analysesDue(storage.sql, 1, 2);
  expect(plans.join()).not.toContain("TEMP B-TREE");
});

test("hints are few: one for each incident that unsigned webhooks point at", () => {
  expect(dueHint(storage.sql, 1)).toBeNull();
  expect(nextHintAtMs(storage.sql, 0)).toBeNull();
});
