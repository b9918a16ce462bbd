import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { dueDeliveries, markDelivered, markRetry, retryEarly } from "../../src/delivery/outbox.ts";
import { appendEntry, entryAt } from "../../src/storage/journal.ts";
import { migrate } from "../../src/storage/migrations.ts";

/** When Aurora accepts deliveries again, up to fifty waiting deliveries are sent early, each of them only once. */

const NOW_MS = 1_000_000;
const HOUR_MS = 3600 * 1000;
const LATER_MS = NOW_MS + 2 * HOUR_MS;

interface Outbox {
  /** Stores a delivery that has failed before and waits until `atMs`. */
  waits(incidentId: string, atMs: number, notBeforeMs?: number): void;
  retryEarly(): void;
  due(): (string | null)[];
  /** Records a failure of all due early attempts, as `deliver` does. */
  fail(): void;
  accept(): void;
  nextAttempts(): unknown[];
}

const withOutbox = (name: string, work: (outbox: Outbox) => void): Promise<void> =>
  runInDurableObject(env.TENANT.getByName(name), (_, { storage }) => {
    migrate(storage);
    const { sql } = storage;
    const entries = () => dueDeliveries(sql, "again", NOW_MS, 1000);
    const failure = {
      lane: "again",
      attempts: 3,
      notBeforeMs: null,
      error: "Aurora answered 503",
      advice: null,
      failsAtMs: null,
      errorClass: "server_error",
      status: 503,
    } as const;
    const finish = { attempts: 1, status: 200, nowMs: NOW_MS, nextDueAtMs: NOW_MS };
    work({
      waits(incidentId, atMs, notBeforeMs) {
        const entry = { kind: "webhook", type: "t", outcome: "applied", incidentId } as const;
        appendEntry(sql, { ...entry, receivedAtMs: 1 }, 1);
        for (const added of dueDeliveries(sql, "first", NOW_MS, 1))
          markRetry(sql, added.seq, {
            ...failure,
            atMs,
            plannedAtMs: null,
            notBeforeMs: notBeforeMs ?? null,
          });
      },
      retryEarly: () => retryEarly(sql, NOW_MS),
      due: () => entries().map(({ incidentId }) => incidentId),
      fail() {
        for (const entry of entries()) {
          const plannedAtMs = entryAt(sql, entry.seq)?.plannedAtMs ?? null;
          markRetry(sql, entry.seq, { ...failure, atMs: plannedAtMs ?? LATER_MS, plannedAtMs });
        }
      },
      accept() {
        for (const entry of entries()) markDelivered(sql, entry, finish);
      },
      nextAttempts: () =>
        [...sql.exec("SELECT DISTINCT next_attempt_at_ms AS at FROM journal WHERE delivery = 'pending'")].map(
          ({ at }) => at,
        ),
    });
  });

test("long waits end early, but short waits and waits for Aurora's Retry-After do not", () =>
  withOutbox("long waits", (outbox) => {
    outbox.waits("long", LATER_MS);
    outbox.waits("short", NOW_MS + 60_000);
    outbox.waits("asked for", LATER_MS, NOW_MS + HOUR_MS);
    outbox.waits("asked for and over", LATER_MS, NOW_MS);
    outbox.retryEarly();
    expect(outbox.due()).toEqual(["long", "asked for and over"]);
  }));

test("after a failed early attempt, the next attempt stays at its planned time, and there is no second early attempt", () =>
  withOutbox("once", (outbox) => {
    outbox.waits("refused", LATER_MS);
    outbox.retryEarly();
    expect(outbox.due()).toEqual(["refused"]);
    outbox.fail();
    expect(outbox.nextAttempts()).toEqual([LATER_MS]);
    outbox.retryEarly();
    expect(outbox.due()).toEqual([]);
  }));

test("early attempts are made in groups of at most fifty, one group after another", () =>
  withOutbox("fifty", (outbox) => {
    for (let n = 0; n < 120; n += 1) outbox.waits(`incident ${n}`, LATER_MS + n);
    outbox.retryEarly();
    outbox.retryEarly();
    expect(outbox.due()).toHaveLength(50);
    outbox.fail();
    outbox.retryEarly();
    expect(outbox.due()).toHaveLength(50);
    outbox.accept();
    outbox.retryEarly();
    expect(outbox.due()).toHaveLength(20);
  }));
