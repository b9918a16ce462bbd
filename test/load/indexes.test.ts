import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test } from "vitest";
import {
  deliveriesAwaitingContext,
  dueDeliveries,
  markDead,
  markDelivered,
  nextDeliveryAtMs,
  retryEarly,
  summarizeOutbox,
} from "../../src/delivery/outbox.ts";
import { redeliver } from "../../src/delivery/redelivery.ts";
import {
  boundConfirmed,
  boundUnconfirmed,
  dueHint,
  finishHint,
  hintedEntries,
  nextHintAtMs,
  pruneUnconfirmed,
} from "../../src/storage/hints.ts";
import { ALL_INCIDENTS, listIncidents } from "../../src/storage/incident-list.ts";
import {
  analysesDue,
  loadIncident,
  nextAnalysisAtMs,
  nextLiveIncidentId,
} from "../../src/storage/incidents.ts";
import {
  countFailed,
  entryOfDelivery,
  entryOfEvent,
  entryOfWebhook,
  failedEntries,
  failedWebhookIds,
  hasOutstanding,
} from "../../src/storage/journal.ts";
import {
  arrivalsOfIncident,
  entriesAfter,
  listArrivals,
  listEntries,
  outstandingAttempts,
  timelineOf,
} from "../../src/storage/lists.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { pruneIncidents } from "../../src/storage/pruning.ts";

/** Queries that run for every event or every alarm use an index, so their cost does not grow with the stored rows. */

const HINT = { incidentId: "incident", firstSeq: 1, attempts: 0 };

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
        const bound = values.map((value) =>
          typeof value === "number" || value === null ? value : String(value),
        );
        const plan = database.prepare(`EXPLAIN QUERY PLAN ${query}`).all(...bound);
        plans.push(...plan.map(({ detail }) => String(detail)));
        const rows = database.prepare(query).all(...bound);
        // No statement here returns a bigint or bytes.
        const plain = rows.map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => [name, typeof value === "number" ? value : null]),
          ),
        );
        return Object.assign(plain, { rowsWritten: 0 });
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
  [
    "dead deliveries",
    (sql) => redeliver({ storage, sql, connectedUser: () => "u" }, { ids: null, sinceMs: 0 }, 1),
  ],
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

// Left out are `activityOf` and `pruneEntries`, which read a limited number of rows from one end of the journal.
const FILTER = { kinds: [], states: [], limit: 25, beforeSeq: null };
const FINISH = { attempts: 1, status: 200, nowMs: 1, nextDueAtMs: 1 };
const DUE = { seq: 1, incidentId: "incident" };

test.each<[string, (sql: SqlStorage) => unknown]>([
  ["a finished delivery", (sql) => markDelivered(sql, DUE, FINISH)],
  ["a dead delivery", (sql) => markDead(sql, DUE, "error", FINISH)],
  ["deliveries that wait for a context", (sql) => deliveriesAwaitingContext(sql, 1, 4)],
  ["the deliveries of the status", (sql) => summarizeOutbox(sql)],
  ["an incident's outstanding deliveries", (sql) => hasOutstanding(sql, "incident")],
  ["a page of events", (sql) => listArrivals(sql, { ...FILTER, kinds: ["webhook"] })],
  ["a page of dead deliveries", (sql) => listEntries(sql, { ...FILTER, states: ["dead"] })],
  ["a delivery", (sql) => entryOfDelivery(sql, "msg_1_00000000-0000-4000-8000-000000000000")],
  ["an incident's timeline", (sql) => timelineOf(sql, "incident", 25)],
  ["an incident's events", (sql) => arrivalsOfIncident(sql, "incident", 25)],
  ["a page of incidents", (sql) => listIncidents(sql, { ...ALL_INCIDENTS, limit: 25 })],
  ["incidents with work left", (sql) => nextLiveIncidentId(sql, "")],
  ["the changes for open consoles", (sql) => [entriesAfter(sql, 0, 25), outstandingAttempts(sql, 25)]],
  ["webhooks that failed", (sql) => [failedWebhookIds(sql), countFailed(sql), failedEntries(sql, ["id"])]],
  ["a batch of old incidents", (sql) => pruneIncidents(sql, 1, 500)],
])("%s are found without reading the whole journal or all incidents", (_, look) => {
  look(storage.sql);
  expect(plans.length).toBeGreaterThan(0);
  for (const plan of plans) expect(plan).not.toMatch(/^SCAN (journal|incidents)$/);
});

// The constraint is compared, because SQLite calls a `min()` that reads a whole index a SEARCH, too.
test.each<[string, string, (sql: SqlStorage) => unknown]>([
  [
    "due analyses",
    "(severity_rank=? AND analysis_due_at_ms>? AND analysis_due_at_ms<?)",
    (sql) => analysesDue(sql, 1, 2),
  ],
  ["the next analysis", "(severity_rank=? AND analysis_due_at_ms>?)", (sql) => nextAnalysisAtMs(sql, 0)],
  ["due deliveries", "(lane=? AND next_attempt_at_ms<?)", (sql) => dueDeliveries(sql, "first", 1, 4)],
  ["the next delivery", "(lane=? AND next_attempt_at_ms>?)", (sql) => nextDeliveryAtMs(sql, 0)],
])("%s are found without reading those that wait", (_, constraint, look) => {
  look(storage.sql);
  const reads = plans.filter((plan) => /^(SCAN|SEARCH) (journal|incidents)\b/.test(plan));
  expect(reads.length).toBeGreaterThan(0);
  for (const plan of reads) expect(plan).toContain(constraint);
});
