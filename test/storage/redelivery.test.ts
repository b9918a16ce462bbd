import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { deliver as attempt } from "../../src/delivery/attempt.ts";
import { recordFailedAttempt } from "../../src/delivery/attempts.ts";
import { dueDeliveries, markDead, markDelivered } from "../../src/delivery/outbox.ts";
import { redeliver, redeliveryProgress, stopRedelivery } from "../../src/delivery/redelivery.ts";
import { emptyIncident } from "../../src/incidents/fold.ts";
import { saveIncident } from "../../src/storage/incidents.ts";
import { appendEntry, entryAt } from "../../src/storage/journal.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { notificationOf } from "../support/stored-notification.ts";
import { connectedContext } from "./connected-context.ts";

/** A redelivery of many deliveries reports its progress, and can be stopped. */

afterEach(() => void vi.unstubAllGlobals());

const FINISH = { attempts: 1, status: 500, nowMs: 1, nextDueAtMs: 1 };
const FAILURE = {
  error: "Aurora answered 500",
  advice: null,
  failsAtMs: null,
  errorClass: "server_error",
} as const;

interface Outbox {
  sql: SqlStorage;
  /** Appends a delivery, and returns its number. */
  deliver(incidentId: string, atMs?: number): number;
  fails(incidentId: string): number;
  succeeds(incidentId: string): number;
  redeliverAll(nowMs: number, sinceMs?: number): number;
  stop(): number;
}

const inOutbox = <T>(name: string, work: (outbox: Outbox) => T): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`user:redelivery-${name}`), (_, { storage }) => {
    migrate(storage);
    const { sql } = storage;
    const next = (incidentId: string) => {
      const due = (["first", "again"] as const).flatMap((lane) =>
        dueDeliveries(sql, lane, Number.MAX_SAFE_INTEGER, 100),
      );
      const found = due.filter((one) => one.incidentId === incidentId);
      expect(found).toHaveLength(1);
      return found[0] ?? { seq: 0, incidentId };
    };
    return work({
      sql,
      deliver(incidentId, atMs = 1) {
        const entry = { kind: "webhook", type: "incident.triggered", outcome: "applied" } as const;
        const notification = notificationOf("created", { incidentId });
        const seq = appendEntry(sql, { ...entry, receivedAtMs: atMs, incidentId, notification }, 1);
        saveIncident(sql, emptyIncident(incidentId), emptyIncident(incidentId), 1, seq);
        return seq;
      },
      fails(incidentId) {
        const due = next(incidentId);
        const attempt = { status: 500, answer: FAILURE.error, durationMs: 1, early: false };
        recordFailedAttempt(sql, due.seq, { ...attempt, atMs: due.seq });
        markDead(sql, due, FAILURE, FINISH);
        return due.seq;
      },
      succeeds(incidentId) {
        const due = next(incidentId);
        markDelivered(sql, due, { ...FINISH, status: 202 });
        return due.seq;
      },
      redeliverAll: (nowMs, sinceMs = 0) =>
        redeliver({ storage, sql, connectedUser: () => "u" }, { ids: null, sinceMs, error: null }, nowMs),
      stop: () => stopRedelivery({ storage, sql }, 9),
    });
  });

test("a redelivery reports how many of its deliveries were delivered, failed again, or are still pending", async () => {
  await inOutbox("progress", ({ sql, deliver, fails, succeeds, redeliverAll }) => {
    expect(redeliveryProgress(sql)).toMatchObject({ startedAtMs: null, pending: 0, delivered: 0, failed: 0 });
    for (const id of ["P1", "P2", "P3"]) {
      deliver(id);
      fails(id);
    }
    deliver("P4");
    succeeds("P4");
    expect(redeliverAll(50)).toBe(3);
    succeeds("P1");
    fails("P2");
    expect(redeliveryProgress(sql)).toEqual({
      startedAtMs: 50,
      pending: 1,
      delivered: 1,
      failed: 1,
      more: false,
    });
  });
});

test("stopping a redelivery makes its undelivered deliveries dead again, with the same number of attempts", async () => {
  await inOutbox("stop", ({ sql, deliver, fails, succeeds, redeliverAll, stop }) => {
    const [first, second] = ["P1", "P2"].map((id) => {
      deliver(id);
      return fails(id);
    });
    redeliverAll(50);
    succeeds("P1");
    expect(stop()).toBe(1);
    expect(entryAt(sql, first ?? 0)).toMatchObject({ delivery: "delivered" });
    expect(entryAt(sql, second ?? 0)).toMatchObject({
      delivery: "dead",
      attempts: 1,
      errorClass: "server_error",
    });
    expect(redeliveryProgress(sql)).toMatchObject({ pending: 0, delivered: 1, failed: 0 });
    expect(stop()).toBe(0);
  });
});

test("after a redelivery is stopped, an incident's newer deliveries are sent, one at a time", async () => {
  await inOutbox("behind", ({ deliver, fails, succeeds, redeliverAll, stop }) => {
    deliver("P1");
    fails("P1");
    redeliverAll(50);
    const newer = [deliver("P1"), deliver("P1")];
    expect(stop()).toBe(1);
    expect([succeeds("P1"), succeeds("P1")]).toEqual(newer);
  });
});

test("a second redelivery takes over the unfinished deliveries of the first", async () => {
  await inOutbox("second", ({ sql, deliver, fails, redeliverAll, stop }) => {
    deliver("P1", 10);
    fails("P1");
    deliver("P2", 20);
    fails("P2");
    expect(redeliverAll(50, 15)).toBe(1);
    expect(redeliverAll(60)).toBe(1);
    expect(redeliveryProgress(sql)).toMatchObject({ startedAtMs: 60, pending: 2 });
    expect(stop()).toBe(2);
  });
});

test.each([
  [202, "delivered"],
  [500, "dead"],
] as const)(
  "if a redelivery is stopped during an attempt that then ends with %i, the delivery becomes %s, and the incident's next delivery is due",
  async (status, state) => {
    await runInDurableObject(env.TENANT.getByName(`user:stopped-${status}`), async (_, { storage }) => {
      const context = await connectedContext(storage, env.CONNECTIONS, `stopped-${status}`);
      const { sql } = storage;
      const entry = {
        kind: "webhook",
        type: "incident.triggered",
        outcome: "applied",
        incidentId: "P1",
      } as const;
      const append = () => {
        const notification = notificationOf("created", { incidentId: "P1" });
        const seq = appendEntry(sql, { ...entry, receivedAtMs: 1, notification }, 1);
        saveIncident(sql, emptyIncident("P1"), emptyIncident("P1"), 1, seq);
        return seq;
      };
      const seq = append();
      markDead(sql, { seq, incidentId: "P1" }, FAILURE, FINISH);
      redeliver(context, { ids: null, sinceMs: 0, error: null }, 2);
      const later = [append(), append()];
      const called = Promise.withResolvers<void>();
      const answered = Promise.withResolvers<Response>();
      vi.stubGlobal("fetch", () => {
        called.resolve();
        return answered.promise;
      });
      const aurora = { origin: null, headers: {}, binding: null, secrets: [] };
      const ended = attempt({ ...context, aurora }, seq);
      await called.promise;
      expect(stopRedelivery(context, 3)).toBe(1);
      answered.resolve(new Response(null, { status }));
      await ended;
      const states = [seq, ...later].map((one) => entryAt(sql, one)?.delivery);
      expect(states).toEqual([state, "pending", "queued"]);
    });
  },
);
