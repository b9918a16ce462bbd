import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { recordFailedAttempt } from "../../src/delivery/attempts.ts";
import { emptyIncident } from "../../src/incidents/fold.ts";
import type { IncidentState } from "../../src/incidents/incident.ts";
import { hasContext, saveContext } from "../../src/storage/contexts.ts";
import {
  boundConfirmed,
  boundUnconfirmed,
  MAX_CONFIRMED_ENTRIES,
  MAX_UNCONFIRMED_ENTRIES,
  pruneUnconfirmed,
} from "../../src/storage/hints.ts";
import { loadIncident, saveIncident } from "../../src/storage/incidents.ts";
import { appendEntry } from "../../src/storage/journal.ts";
import { ALL_INCIDENTS, listIncidents } from "../../src/storage/lists/incident-list.ts";
import { entriesAfter } from "../../src/storage/lists.ts";
import { isMigrated, migrate } from "../../src/storage/migrations.ts";
import { insertNote, noteById } from "../../src/storage/notes.ts";
import { pruneEntries, pruneIncidents } from "../../src/storage/pruning.ts";
import { NO_CONTEXT } from "../support/context.ts";

/** Old finished entries and incidents are removed. Open incidents and undelivered entries stay. */

const inObject = <T>(name: string, work: (storage: DurableObjectStorage) => T): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`user:${name}`), (_, { storage }) => {
    migrate(storage);
    return work(storage);
  });

const incident = (incidentId: string, pagerdutyStatus: string): IncidentState => ({
  ...emptyIncident(incidentId),
  snapshotStamp: { atMs: 1, id: "E" },
  version: 1,
  snapshot: {
    title: "Down",
    service: { id: null, name: "unknown" },
    urgency: null,
    priority: null,
    severity: "medium",
    pagerdutyStatus,
    url: null,
    incidentKey: null,
    assignees: [],
    teams: [],
    escalationPolicy: null,
    createdAt: "1970-01-01T00:00:00Z",
  },
});

const NOTIFICATION = {
  type: "incident.triggered" as const,
  timestamp: "2026-01-01T00:00:00Z",
  incident: {
    sourceType: "pagerduty" as const,
    sourceAlertId: "1",
    incidentId: "P",
    title: "Down",
    service: { id: null, name: "unknown" },
    severity: "medium" as const,
    status: "investigating" as const,
    pagerdutyStatus: "triggered",
    urgency: null,
    priority: null,
    url: null,
    incidentKey: null,
    description: null,
    assignees: [],
    teams: [],
    escalationPolicy: null,
    alertFiredAt: null,
    startedAt: null,
    resolvedAt: null,
    customFields: {},
    version: 1,
  },
  change: { kind: "created" as const, from: null, to: "investigating" },
  provenance: { webhookId: null, eventId: null, verification: "signature" as const },
};

test("an object without a connection has no tables", async () => {
  await runInDurableObject(env.TENANT.getByName("user:untouched"), (_, { storage }) => {
    expect(isMigrated(storage)).toBe(false);
  });
});

test("a second migration changes nothing", async () => {
  await inObject("twice", (storage) => {
    saveIncident(storage.sql, emptyIncident("P1"), incident("P1", "triggered"), 1);
    migrate(storage);
    expect(loadIncident(storage.sql, "P1").version).toBe(1);
  });
});

test("old finished entries are removed, and old pending entries stay", async () => {
  await inObject("entries", ({ sql }) => {
    const entry = { kind: "webhook" as const, type: "t", outcome: "applied" as const };
    for (let index = 0; index < 1200; index += 1) appendEntry(sql, { ...entry, receivedAtMs: index }, null);
    appendEntry(sql, { ...entry, receivedAtMs: 5, incidentId: "P", notification: NOTIFICATION }, 5);
    appendEntry(sql, { ...entry, receivedAtMs: 9_000 }, null);
    while (pruneEntries(sql, 8_000, 500) > 0);
    const left = entriesAfter(sql, 0, 100);
    expect(left.map(({ receivedAtMs }) => receivedAtMs)).toEqual([5, 9_000]);
  });
});

test("a new entry gets neither the number nor the failed attempts of a removed entry", async () => {
  await inObject("numbers", ({ sql }) => {
    const entry = { kind: "webhook" as const, type: "t", outcome: "applied" as const };
    const waiting = appendEntry(sql, { ...entry, incidentId: "P", receivedAtMs: 1 }, 1);
    const removed = [2, 3].map((receivedAtMs) => appendEntry(sql, { ...entry, receivedAtMs }, null));
    for (const seq of [waiting, ...removed])
      recordFailedAttempt(sql, seq, { atMs: 1, status: 500, answer: "", durationMs: 1, early: false });
    while (pruneEntries(sql, 8_000, 500) > 0);
    const next = appendEntry(sql, { ...entry, receivedAtMs: 4 }, null);
    sql.exec("UPDATE journal SET delivery = 'delivered' WHERE seq = ?", waiting);
    while (pruneEntries(sql, 8_000, 500) > 0);
    const last = appendEntry(sql, { ...entry, receivedAtMs: 5 }, null);
    expect([waiting, ...removed, next, last]).toEqual([1, 2, 3, 4, 5]);
    expect([...sql.exec("SELECT seq FROM attempts")]).toEqual([]);
  });
});

const NOTE = {
  createdAtMs: 1,
  userId: "u",
  from: null,
  text: "text",
  requestHash: null,
  idempotencyKey: null,
};

test("old resolved incidents are removed with their contexts and notes, and old open incidents stay", async () => {
  await inObject("incidents", ({ sql }) => {
    for (const [id, status] of [
      ["P1", "resolved"],
      ["P2", "triggered"],
      ["P3", "resolved"],
    ] as const) {
      saveIncident(sql, emptyIncident(id), incident(id, status), id === "P3" ? 9_000 : 1);
    }
    for (const incidentId of ["P1", "P2"]) {
      saveContext(sql, incidentId, NO_CONTEXT);
      insertNote(sql, { ...NOTE, incidentId, noteId: incidentId });
      sql.exec("UPDATE notes SET state = 'written'");
    }
    expect(pruneIncidents(sql, 8_000, 500)).toBeGreaterThan(0);
    const left = listIncidents(sql, { ...ALL_INCIDENTS, limit: 10 });
    expect(left.incidents.map(({ incidentId }) => incidentId).sort()).toEqual(["P2", "P3"]);
    expect(["P1", "P2"].map((id) => hasContext(sql, id))).toEqual([false, true]);
    expect(["P1", "P2"].map((id) => noteById(sql, id) !== null)).toEqual([false, true]);
  });
});

test("an old resolved incident stays while one of its deliveries is unfinished", async () => {
  await inObject("unfinished", ({ sql }) => {
    saveIncident(sql, emptyIncident("P"), incident("P", "resolved"), 1);
    const entry = { kind: "webhook" as const, type: "t", outcome: "applied" as const, receivedAtMs: 1 };
    const seq = appendEntry(sql, { ...entry, incidentId: "P", notification: NOTIFICATION }, 1);
    expect(pruneIncidents(sql, 8_000, 500)).toBe(0);
    sql.exec("UPDATE journal SET delivery = 'delivered' WHERE seq = ?", seq);
    expect(pruneIncidents(sql, 8_000, 500)).toBeGreaterThan(0);
  });
});

test("an old resolved incident stays while it has a pending note or a new note", async () => {
  await inObject("notes", ({ sql }) => {
    for (const [id, createdAtMs, state] of [
      ["pending", 1, "pending"],
      ["new", 9_000, "written"],
      ["old", 1, "written"],
    ] as const) {
      saveIncident(sql, emptyIncident(id), incident(id, "resolved"), 1);
      insertNote(sql, { ...NOTE, incidentId: id, noteId: id, createdAtMs });
      sql.exec("UPDATE notes SET state = ? WHERE note_id = ?", state, id);
    }
    while (pruneIncidents(sql, 8_000, 500) > 0);
    expect([...sql.exec("SELECT note_id AS id FROM notes ORDER BY 1")]).toEqual([
      { id: "new" },
      { id: "pending" },
    ]);
  });
});

test("a page of incidents reads the same number of rows, however many incidents are stored", async () => {
  await inObject("pages", ({ sql }) => {
    const read = () => {
      const cursor = sql.exec(
        "SELECT state FROM incidents ORDER BY created_at_ms DESC, incident_id DESC LIMIT 10",
      );
      cursor.toArray();
      return cursor.rowsRead;
    };
    for (let index = 0; index < 20; index += 1)
      saveIncident(sql, emptyIncident(`A${index}`), incident(`A${index}`, "resolved"), 1);
    const few = read();
    for (let index = 0; index < 2000; index += 1)
      saveIncident(sql, emptyIncident(`B${index}`), incident(`B${index}`, "resolved"), 1);
    expect(read()).toBe(few);
  });
});

test("only the newest checked unconfirmed entries stay, but all unchecked entries stay", async () => {
  await inObject("unconfirmed", ({ sql }) => {
    const entry = { kind: "webhook" as const, type: "t", outcome: "unconfirmed" as const };
    const count = (reason: string | null) =>
      sql.exec("SELECT 1 FROM journal WHERE reason IS ?", reason).toArray().length;
    for (let index = 0; index < 4_000; index += 1) {
      const reason = index % 10 === 0 ? null : "no such incident";
      const seq = appendEntry(sql, { ...entry, receivedAtMs: index, incidentId: "P1", reason }, null);
      boundUnconfirmed(sql, seq);
    }
    expect(count("no such incident")).toBeGreaterThanOrEqual(MAX_UNCONFIRMED_ENTRIES);
    expect(count("no such incident")).toBeLessThan(MAX_UNCONFIRMED_ENTRIES + 100);
    expect(count(null)).toBe(400);
    while (pruneUnconfirmed(sql, 3_999, 500) > 0);
    expect([count("no such incident"), count(null)]).toEqual([1, 0]);
  });
});

test("at most `MAX_CONFIRMED_ENTRIES` confirmed unsigned webhooks stay, but all signed webhooks and read-backs stay", async () => {
  await inObject("confirmed", ({ sql }) => {
    const insert = (count: number, kind: string, verification: string) =>
      sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO journal (kind, type, received_at_ms, verification, outcome)
         SELECT ?, 'incident.triggered', i, ?, 'applied' FROM n`,
        count,
        kind,
        verification,
      );
    insert(50, "webhook", "signature");
    insert(50, "readback", "callback");
    insert(MAX_CONFIRMED_ENTRIES + 200, "webhook", "callback");
    boundConfirmed(sql, MAX_CONFIRMED_ENTRIES + 300);
    const counts = sql.exec(
      "SELECT kind, verification, count(*) AS n FROM journal GROUP BY 1, 2 ORDER BY n DESC, 1",
    );
    expect([...counts].map(({ n }) => n)).toEqual([MAX_CONFIRMED_ENTRIES, 50, 50]);
  });
});
