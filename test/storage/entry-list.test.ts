import { env, runInDurableObject } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { markDead, markDelivered, markRetry } from "../../src/delivery/outbox.ts";
import { emptyIncident } from "../../src/incidents/fold.ts";
import type { ErrorClass } from "../../src/incidents/incident.ts";
import { saveIncident } from "../../src/storage/incidents.ts";
import { appendEntry, entryAt, type NewEntry } from "../../src/storage/journal.ts";
import {
  ALL_DELIVERIES,
  ALL_EVENTS,
  countDeliveries,
  countEvents,
  listDeliveries,
  listEvents,
} from "../../src/storage/lists/entry-list.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { notificationOf } from "../support/stored-notification.ts";

/** The tests filter and count events and deliveries in a real object's SQLite. */

const HOUR_MS = 3_600_000;
const START_MS = Date.parse("2026-11-22T03:00:00Z");

class Journal {
  readonly sql: SqlStorage;
  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  event(storedAtMs: number, given: Partial<NewEntry> = {}): number {
    vi.setSystemTime(storedAtMs);
    const entry = { kind: "webhook", type: "incident.triggered", outcome: "applied" } as const;
    return appendEntry(this.sql, { ...entry, receivedAtMs: storedAtMs, ...given }, null);
  }

  delivery(storedAtMs: number, incidentId = "P1"): number {
    vi.setSystemTime(storedAtMs);
    const entry = { kind: "webhook", type: "incident.triggered", outcome: "applied" } as const;
    return appendEntry(
      this.sql,
      { ...entry, receivedAtMs: storedAtMs, incidentId, notification: notificationOf("created") },
      1,
    );
  }

  fails(seq: number, errorClass: ErrorClass, isLast = true): void {
    const failure = { error: "It failed", advice: null, failsAtMs: null, errorClass };
    const finish = { attempts: 1, status: null, nowMs: 1, nextDueAtMs: 1 };
    if (isLast) {
      markDead(this.sql, { seq, incidentId: `P${seq}` }, failure, finish);
      return;
    }
    const retry = {
      lane: "again",
      attempts: 1,
      atMs: 2,
      plannedAtMs: null,
      notBeforeMs: null,
      status: null,
    } as const;
    markRetry(this.sql, seq, { ...retry, ...failure });
  }

  accepted(seq: number): void {
    const finish = { attempts: 2, status: 202, nowMs: 3, nextDueAtMs: 3 };
    markDelivered(this.sql, { seq, incidentId: `P${seq}` }, finish);
  }
}

const inObject = <T>(name: string, work: (journal: Journal, sql: SqlStorage) => T): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`user:entries-${name}`), (_, { storage }) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      migrate(storage);
      return work(new Journal(storage.sql), storage.sql);
    } finally {
      vi.useRealTimers();
    }
  });

const seqsOf = ({ entries }: { entries: readonly { seq: number }[] }) => entries.map(({ seq }) => seq);

test("a time filter finds the events received in the given period, even an event that was stored a day late", async () => {
  await inObject("time", (journal, sql) => {
    for (let hour = 0; hour < 48; hour += 1) journal.event(START_MS + hour * HOUR_MS);
    const late = journal.event(START_MS + 48 * HOUR_MS, { receivedAtMs: START_MS + 24.5 * HOUR_MS });
    const range = { sinceMs: START_MS + 24 * HOUR_MS, untilMs: START_MS + 26 * HOUR_MS };
    const page = listEvents(sql, { ...ALL_EVENTS, ...range, limit: 10 });
    // Hours start at 0 and event numbers at 1, so the events of hours 24 and 25 have the numbers 25 and 26.
    expect(page).toMatchObject({ next: null });
    expect(seqsOf(page)).toEqual([late, 26, 25]);
  });
});

test("a webhook that went to several tenants is left out of lists if its outcome is unconfirmed or failed", async () => {
  await inObject("shared", (journal, sql) => {
    const [confirmed] = (["applied", "unconfirmed", "failed"] as const).map((outcome) =>
      journal.event(START_MS, { outcome, shared: true }),
    );
    expect(seqsOf(listEvents(sql, { ...ALL_EVENTS, limit: 25 }))).toEqual([confirmed]);
    expect(seqsOf(listEvents(sql, { ...ALL_EVENTS, outcome: "failed", limit: 25 }))).toEqual([]);
  });
});

test("a list of events ends at the filter's start time, however many older entries there are", async () => {
  await inObject("end", (journal, sql) => {
    for (let minute = 0; minute < 5_200; minute += 1) journal.event(START_MS + minute * 60_000);
    const sinceMs = START_MS + 5_190 * 60_000;
    expect(listEvents(sql, { ...ALL_EVENTS, sinceMs, limit: 25 })).toMatchObject({ next: null });
    const counts = countEvents(sql, { ...ALL_EVENTS, sinceMs, limit: 25 });
    expect(counts["outcome"]?.["applied"]).toEqual({ count: 10, more: false });
  });
});

test.each<[string, string, number[]]>([
  ["its incident's title, in any case", "DISK", [1]],
  ["its incident's number with the sign", "#31", [2]],
  ["its incident's service, beyond ASCII", "ÄRGER", [1]],
  ["a part of the webhook's id", "w-1", [1]],
  ["the whole webhook's id", "W-2", [2]],
  ["a character that is a wildcard in SQL", "%", []],
])("a search by %s finds the right events", async (name, q, seqs) => {
  await inObject(name, (journal, sql) => {
    const known = (incidentId: string, number: number, title: string, service: string) => {
      const rest = { severity: "low", pagerdutyStatus: "triggered", url: null, incidentKey: null } as const;
      const people = { assignees: [], teams: [], escalationPolicy: null };
      const snapshot = {
        title,
        service: { id: "S", name: service },
        urgency: null,
        priority: null,
        createdAt: null,
      };
      const before = emptyIncident(incidentId);
      saveIncident(sql, before, { ...before, number, snapshot: { ...snapshot, ...rest, ...people } }, 1);
    };
    known("P1", 7, "Disk full", "Ärger & Söhne");
    known("P2", 31, "Checkout errors", "API");
    journal.event(START_MS, { incidentId: "P1", webhookId: "W-1" });
    journal.event(START_MS, { incidentId: "P2", webhookId: "W-2" });
    journal.event(START_MS, { webhookId: "X-3" });
    expect(seqsOf(listEvents(sql, { ...ALL_EVENTS, q, limit: 10 }))).toEqual(seqs);
  });
});

test("deliveries are found by the class of their last error, until Aurora accepts them", async () => {
  await inObject("errors", (journal, sql) => {
    const [refused, limited, accepted] = [1, 2, 3].map((number) => journal.delivery(START_MS, `P${number}`));
    journal.fails(refused ?? 0, "refused");
    journal.fails(limited ?? 0, "rate_limited", false);
    journal.fails(accepted ?? 0, "refused", false);
    journal.accepted(accepted ?? 0);
    const found = (filter: object) =>
      seqsOf(listDeliveries(sql, { ...ALL_DELIVERIES, limit: 10, ...filter }));
    expect(found({ error: "refused" })).toEqual([refused]);
    expect(found({ error: "rate_limited" })).toEqual([limited]);
    expect(found({ error: "rate_limited", state: "dead" })).toEqual([]);
    expect(found({ state: "delivered" })).toEqual([accepted]);
    expect(entryAt(sql, accepted ?? 0)).toMatchObject({ errorClass: null, lastStatus: 202 });
  });
});

test("the counts for a filter ignore that filter's own value, and apply all other filters", async () => {
  await inObject("counts", (journal, sql) => {
    for (const number of [1, 2, 3, 4]) journal.delivery(START_MS, `P${number}`);
    journal.fails(1, "refused");
    journal.fails(2, "server_error");
    journal.fails(3, "refused", false);
    const exactly = (counts: Record<string, number>) =>
      Object.fromEntries(Object.entries(counts).map(([choice, count]) => [choice, { count, more: false }]));
    const none = { rate_limited: 0, unreachable: 0, not_sent: 0 };
    expect(countDeliveries(sql, { ...ALL_DELIVERIES, limit: 1 })).toEqual({
      state: exactly({ pending: 2, delivered: 0, dead: 2 }),
      error: exactly({ refused: 2, server_error: 1, ...none }),
    });
    expect(countDeliveries(sql, { ...ALL_DELIVERIES, limit: 1, state: "dead", error: "refused" })).toEqual({
      state: exactly({ pending: 1, delivered: 0, dead: 1 }),
      error: exactly({ refused: 1, server_error: 1, ...none }),
    });
  });
});

test("among 6,000 deliveries, failed deliveries are counted exactly, and successful deliveries only up to 2,000", async () => {
  await inObject("bound", (journal, sql) => {
    const dead = journal.delivery(START_MS, "P1");
    journal.fails(dead, "unreachable");
    sql.exec(
      `WITH RECURSIVE many (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM many WHERE n < 6000)
       INSERT INTO journal (seq, kind, type, received_at_ms, outcome, delivery, incident_id)
       SELECT n, 'webhook', 'incident.triggered', ${START_MS}, 'applied', 'delivered', 'P' || n FROM many`,
    );
    const { state, error } = countDeliveries(sql, { ...ALL_DELIVERIES, limit: 1 });
    expect(state).toEqual({
      delivered: { count: 2_000, more: true },
      dead: { count: 1, more: false },
      pending: { count: 0, more: false },
    });
    expect(error?.["unreachable"]).toEqual({ count: 1, more: false });
    expect(seqsOf(listDeliveries(sql, { ...ALL_DELIVERIES, limit: 1, state: "dead" }))).toEqual([dead]);
  });
});
