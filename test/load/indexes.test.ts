import { beforeEach, expect, test } from "vitest";
import { deliveriesAwaitingContext, dueDeliveries, nextDeliveryAtMs } from "../../src/delivery/outbox.ts";
import { analysesWithoutContext } from "../../src/storage/contexts.ts";
import { dueHint, hintedEntries } from "../../src/storage/hints.ts";
import { analysesDue, nextAnalysisAtMs } from "../../src/storage/incidents.ts";
import {
  ALL_DELIVERIES,
  ALL_EVENTS,
  listDeliveries,
  listEvents,
} from "../../src/storage/lists/entry-list.ts";
import { ALL_INCIDENTS, listIncidents } from "../../src/storage/lists/incident-list.ts";
import { openPlanned, type PlannedStorage } from "./planned-storage.ts";

/** The jobs and the lists find their rows through an index, without reading all other rows. */

const HINT = { incidentId: "incident", firstSeq: 1, attempts: 0 };

let planned: PlannedStorage;
beforeEach(() => {
  planned = openPlanned();
});

const plansOf = (look: (sql: SqlStorage) => unknown): string[] => {
  look(planned.storage.sql);
  return planned.statements.flatMap(({ plan }) => plan);
};

test.each<[string, (sql: SqlStorage) => unknown]>([
  ["due analyses", (sql) => analysesDue(sql, 1, 2)],
  ["analyses without a context", (sql) => analysesWithoutContext(sql, 1, 2)],
  ["due hints (incidents that unsigned webhooks name)", (sql) => dueHint(sql, 1)],
  ["webhooks whose incident must be read from PagerDuty", (sql) => hintedEntries(sql, HINT, 100)],
])("%s are read in the order of an index, without sorting", (_, look) => {
  expect(plansOf(look).join()).not.toContain("TEMP B-TREE");
});

// The word SEARCH in a plan proves little: SQLite also says SEARCH for a `min()` that reads a whole index.
test.each<[string, string, (sql: SqlStorage) => unknown]>([
  [
    "due analyses",
    "(severity_rank=? AND analysis_due_at_ms>? AND analysis_due_at_ms<?)",
    (sql) => analysesDue(sql, 1, 2),
  ],
  ["the next analysis", "(severity_rank=? AND analysis_due_at_ms>?)", (sql) => nextAnalysisAtMs(sql, 0)],
  [
    "analyses without a context",
    "(severity_rank=? AND analysis_due_at_ms>?)",
    (sql) => analysesWithoutContext(sql, 0, 2),
  ],
  ["due deliveries", "(lane=? AND next_attempt_at_ms<?)", (sql) => dueDeliveries(sql, "first", 1, 4)],
  ["the next delivery", "(lane=? AND next_attempt_at_ms>?)", (sql) => nextDeliveryAtMs(sql, 0)],
  [
    "deliveries that failed for one reason",
    "journal_errors (error_class=? AND seq>? AND seq<?)",
    (sql) => listDeliveries(sql, { ...ALL_DELIVERIES, limit: 25, error: "refused" }),
  ],
  [
    "dead deliveries",
    "journal_dead (seq>? AND seq<?)",
    (sql) => listDeliveries(sql, { ...ALL_DELIVERIES, limit: 25, state: "dead" }),
  ],
  [
    "events that failed",
    "journal_failed (seq>? AND seq<?)",
    (sql) => listEvents(sql, { ...ALL_EVENTS, limit: 25, outcome: "failed" }),
  ],
  [
    "incidents since a time",
    "incidents_newest (created_at_ms>? AND (created_at_ms,incident_id)<(?,?))",
    (sql) => listIncidents(sql, { ...ALL_INCIDENTS, sinceMs: 1, limit: 25 }),
  ],
])("SQLite finds %s through an index, without reading all other rows", (_, constraint, look) => {
  const reads = plansOf(look).filter((plan) => /^(SCAN|SEARCH) (journal|incidents)\b/.test(plan));
  expect(reads.length).toBeGreaterThan(0);
  for (const plan of reads) expect(plan).toContain(constraint);
});

test("only the first thousand deliveries that wait for context are sorted by severity", () => {
  const { sql } = planned.storage;
  for (let seq = 1; seq <= 1_500; seq += 1) {
    sql.exec(
      `INSERT INTO incidents (incident_id, created_at_ms, updated_at_ms, live, severity_rank, state)
       VALUES (?, 1, 1, 1, ?, '')`,
      `P${seq}`,
      seq % 1_000 === 0 ? 0 : 1,
    );
    sql.exec(
      `INSERT INTO journal (kind, type, received_at_ms, outcome, incident_id, delivery, lane, next_attempt_at_ms)
       VALUES ('webhook', 't', 1, 'applied', ?, 'pending', 3, ?)`,
      `P${seq}`,
      seq,
    );
  }
  const first = deliveriesAwaitingContext(sql, 0, 3);
  expect(first.map(({ incidentId }) => incidentId)).toEqual(["P1000", "P1", "P2"]);
  planned.statements.length = 0;
  const plans = plansOf((one) => deliveriesAwaitingContext(one, 0, 3)).join();
  expect(plans).toMatch(/journal USING INDEX journal_due \(lane=\? AND next_attempt_at_ms>\?\)/);
});
