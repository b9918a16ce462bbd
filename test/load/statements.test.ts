import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { deliveredBeyondLimit } from "../../src/delivery/analysis-limit.ts";
import { failedAttempts, recordFailedAttempt } from "../../src/delivery/attempts.ts";
import * as outbox from "../../src/delivery/outbox.ts";
import { summarizeOutbox } from "../../src/delivery/outbox-summary.ts";
import {
  queueAnalysisRequest,
  redeliver,
  redeliveryProgress,
  stopRedelivery,
} from "../../src/delivery/redelivery.ts";
import { emptyIncident } from "../../src/incidents/fold.ts";
import { activityOf } from "../../src/storage/activity.ts";
import * as contexts from "../../src/storage/contexts.ts";
import * as hints from "../../src/storage/hints.ts";
import * as incidents from "../../src/storage/incidents.ts";
import * as journal from "../../src/storage/journal.ts";
import * as entryList from "../../src/storage/lists/entry-list.ts";
import * as incidentList from "../../src/storage/lists/incident-list.ts";
import * as lists from "../../src/storage/lists.ts";
import * as notes from "../../src/storage/notes.ts";
import * as pruning from "../../src/storage/pruning.ts";
import * as setAside from "../../src/storage/set-aside.ts";
import { NO_CONTEXT } from "../support/context.ts";
import { notificationOf } from "../support/stored-notification.ts";
import { openPlanned } from "./planned-storage.ts";

/** Checks in SQLite's query plans that no statement reads more rows as the tables grow. */

const src = fileURLToPath(new URL("../../src/", import.meta.url));

const INCIDENT = "P1";
const MESSAGE_ID = "msg_1_00000000-0000-4000-8000-000000000000";
const NOTIFICATION = notificationOf("created", {}, { messageId: MESSAGE_ID });
const HINT = { incidentId: INCIDENT, firstSeq: 1, attempts: 0 };
const DUE = { seq: 1, incidentId: INCIDENT };
const FINISH = { attempts: 1, status: 200, nowMs: 1, nextDueAtMs: 1 };
const FAILURE = { error: "e", advice: null, failsAtMs: null, errorClass: "server_error" } as const;
const PAGE = { sinceMs: 1, limit: 25 };
const EVENTS = { ...entryList.ALL_EVENTS, ...PAGE };
const DELIVERIES = { ...entryList.ALL_DELIVERIES, ...PAGE };
const INCIDENTS = { ...incidentList.ALL_INCIDENTS, ...PAGE };
const NOTE = { noteId: "note", incidentId: INCIDENT, createdAtMs: 1, userId: "u", from: null, text: "text" };

function executeAll(storage: DurableObjectStorage): void {
  const { sql } = storage;
  const state = emptyIncident(INCIDENT);
  incidents.saveIncident(sql, state, { ...state, version: 1 }, 1, 1);
  const entry = {
    kind: "webhook",
    type: "t",
    outcome: "applied",
    receivedAtMs: 1,
    incidentId: INCIDENT,
  } as const;
  const delivered = { notification: NOTIFICATION, payload: new Uint8Array(1) };
  journal.appendEntry(sql, { ...entry, ...delivered, webhookId: "w1", eventId: "w1" }, 1);
  journal.appendEntry(sql, { ...entry, webhookId: "w2" }, 1);

  outbox.dueDeliveries(sql, "first", 1, 4);
  outbox.nextDeliveryAtMs(sql, 0);
  outbox.deliveriesAwaitingContext(sql, 1, 4);
  outbox.endContextWait(sql, 1, 1, 1);
  outbox.isPending(sql, 1);
  const [first] = lists.entriesAfter(sql, 0, 1);
  if (first) outbox.isOvertaken(sql, first);
  summarizeOutbox(sql);
  outbox.markSentParts(sql, 1, 1, "address");
  const retry = { attempts: 1, atMs: 1, plannedAtMs: null, notBeforeMs: null, ...FAILURE, status: 500 };
  outbox.markRetry(sql, 1, { lane: "again", ...retry });
  outbox.retryEarly(sql, 1);
  redeliver({ storage, sql, connectedUser: () => "u" }, { ids: [MESSAGE_ID], sinceMs: 0, error: null }, 1);
  recordFailedAttempt(sql, 1, { atMs: 1, status: 500, answer: "", durationMs: 1, early: false });
  failedAttempts(sql, 1);
  outbox.markDead(sql, DUE, FAILURE, FINISH);
  redeliver({ storage, sql, connectedUser: () => "u" }, { ids: null, sinceMs: 0, error: "server_error" }, 1);
  redeliveryProgress(sql);
  journal.appendEntry(sql, { ...entry, kind: "analysis" }, null);
  queueAnalysisRequest(sql, INCIDENT, 1);
  stopRedelivery({ storage, sql }, 1);
  outbox.markBroken(sql, 1, "error", 1);
  outbox.markDelivered(sql, DUE, FINISH);
  deliveredBeyondLimit(sql, "u", 1);

  journal.newestSeq(sql);
  journal.hasOutstanding(sql, INCIDENT);
  journal.firstEntryOfWebhook(sql, "w1");
  journal.entryOfWebhook(sql, "w1", "w1");
  journal.entryOfEvent(sql, INCIDENT, "w1");
  journal.entryAt(sql, 1);
  journal.countOfEvent(sql, INCIDENT, "w1");
  journal.payloadOf(sql, 1);
  journal.failedEntries(sql, ["w1"]);
  journal.failedWebhookIds(sql);
  journal.countFailed(sql);
  journal.freeEntry(sql, 2);
  journal.removeEntry(sql, 2);

  entryList.listEvents(sql, EVENTS);
  entryList.listEvents(sql, { ...EVENTS, q: "disk" });
  entryList.listEvents(sql, { ...EVENTS, outcome: "failed" });
  entryList.countEvents(sql, EVENTS);
  entryList.listDeliveries(sql, DELIVERIES);
  entryList.listDeliveries(sql, { ...DELIVERIES, error: "refused" });
  entryList.listDeliveries(sql, { ...DELIVERIES, state: "dead" });
  entryList.countDeliveries(sql, DELIVERIES);
  // `countDeliveries` executes its statements for older entries only if the journal has over 2,000 entries.
  for (let older = 0; older <= entryList.MAX_EXAMINED; older += 1) journal.appendEntry(sql, entry, null);
  entryList.countDeliveries(sql, DELIVERIES);
  lists.timelineOf(sql, INCIDENT, 25);
  lists.arrivalsOfIncident(sql, INCIDENT, 25);
  lists.deliveriesOfIncident(sql, INCIDENT, 25);
  lists.entriesAfter(sql, 0, 25);
  lists.outstandingAttempts(sql, 25);
  lists.webhookTimes(sql);
  incidentList.listIncidents(sql, INCIDENTS);
  incidentList.countIncidents(sql, INCIDENTS);
  incidentList.incidentHeads(sql, [INCIDENT]);
  activityOf(sql, new Map(), 1);

  incidents.loadIncident(sql, INCIDENT);
  incidents.saveRecipient(sql, INCIDENT, "u");
  incidents.nextLiveIncidentId(sql, "");
  incidents.analysesDue(sql, 1, 2);
  incidents.nextAnalysisAtMs(sql, 0);
  contexts.analysesWithoutContext(sql, 0, 2);
  contexts.saveContext(sql, INCIDENT, NO_CONTEXT);
  contexts.loadContext(sql, INCIDENT);
  contexts.hasContext(sql, INCIDENT);
  setAside.setAside(sql, INCIDENT, "error", 1);
  setAside.summarizeSetAside(sql);
  setAside.setAsideIds(sql);
  setAside.endSetAside(sql, INCIDENT);
  setAside.pruneSetAside(sql, 1);

  hints.addHint(sql, INCIDENT, 1, 1);
  hints.pauseHints(sql, 1, 1);
  hints.dueHint(sql, 1);
  hints.nextHintAtMs(sql, 0);
  hints.hintedEntries(sql, HINT, 100);
  hints.deferHint(sql, HINT, 1, 1);
  hints.retryHintsEarly(sql, 1);
  hints.confirmEntry(sql, 1, "applied");
  hints.leaveUnconfirmed(sql, 1, "reason");
  hints.failHint(sql, HINT, "reason", 1);
  hints.countNotVisible(sql, 0);
  hints.boundUnconfirmed(sql, 100);
  hints.boundConfirmed(sql, 100);
  hints.boundWaiting(sql, INCIDENT, 100);
  hints.stopWaiting(sql, { seq: 1, incidentId: "other" });
  hints.pruneUnconfirmed(sql, 1, 500);

  notes.insertNote(sql, { ...NOTE, requestHash: null, idempotencyKey: "key" });
  const [note] = notes.listNotes(sql, INCIDENT, { limit: 25, after: null });
  if (note) notes.saveNote(sql, note);
  notes.noteById(sql, "note");
  notes.noteByKey(sql, INCIDENT, "key");
  notes.restartNote(sql, "note", 1);
  if (note) notes.reopenOthers(sql, note, 1);
  notes.dueNotes(sql, 1, 2);
  notes.nextNoteAtMs(sql, 0);
  notes.noteTimes(sql, INCIDENT, 0, 1);
  notes.noteTimes(sql, null, 0, 1);
  notes.writtenIds(sql, INCIDENT);
  notes.doubtfulNote(sql, INCIDENT, () => false);
  notes.removeNote(sql, "note");

  while (pruning.pruneEntries(sql, 2, 500) > 0);
  pruning.dropOldestPayloads(sql, 500);
  pruning.pruneIncidents(sql, 1, 500);
}

/** Functions that may scan a table, each with the reason why the scan reads few rows. */
const BOUNDED: Record<string, string> = {
  waysSince: "reads the newest 20,000 entries",
  pruneEntries: "reads the oldest 500 entries",
  dropOldestPayloads: "ends with the 500th entry; only in a database that is nearly full",
  webhookTimes: "ends with the newest webhook",
};
/** `set_aside` has one row for each incident that cannot be processed because of a fault. `hints_pause` has one row. */
const SMALL = ["set_aside", "hints_pause"];

const planned = openPlanned();
executeAll(planned.storage);

test("`executeAll` executes every statement in the code", () => {
  const files = globSync("**/*.ts", { cwd: src }).filter((file) => file !== "storage/migrations.ts");
  const places = files.flatMap((file) =>
    readFileSync(`${src}${file}`, "utf8")
      .split("\n")
      .flatMap((line, index) => (line.includes("sql.exec(") ? `${file}:${index + 1}` : [])),
  );
  const executed = new Set(planned.statements.map(({ place }) => place));
  expect(executed.size).toBeGreaterThan(80);
  expect([...executed].sort()).toEqual(places.sort());
});

test("every scan reads a small table, a partial index, or a limited number of rows", () => {
  const { statements, partialIndexes } = planned;
  const isScan = (line: string) => {
    const [, table = "", index = ""] =
      /^SCAN ([a-z_]+)(?: USING (?:COVERING )?INDEX (\w+))?/.exec(line) ?? [];
    return table !== "" && !SMALL.includes(table) && !partialIndexes.includes(index);
  };
  const scans = statements.filter(({ caller, plan }) => !(caller in BOUNDED) && plan.some(isScan));
  expect(scans).toEqual([]);
  const bounded = statements.filter(({ plan }) => plan.some(isScan)).map(({ caller }) => caller);
  expect([...new Set(bounded)].sort()).toEqual(Object.keys(BOUNDED).sort());
});
