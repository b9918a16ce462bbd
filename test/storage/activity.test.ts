import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { recordFailedAttempt } from "../../src/delivery/attempts.ts";
import { activityOf, HOUR_MS } from "../../src/storage/activity.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { Refusals } from "../../src/webhooks/refusals.ts";

/** The activity contains the counts and percentiles that the console's chart shows. */

const NOW_MS = 100 * HOUR_MS + 60_000;

interface Delivered {
  kind?: string;
  receivedAtMs: number;
  /** The time from the webhook's arrival until Aurora accepted the delivery; null if Aurora has not accepted it. */
  tookMs: number | null;
}

function add(sql: SqlStorage, { kind = "webhook", receivedAtMs, tookMs }: Delivered): void {
  sql.exec(
    `INSERT INTO journal (kind, type, received_at_ms, outcome, delivery, delivered_at_ms)
     VALUES (?, 'incident.triggered', ?, 'applied', 'delivered', ?)`,
    kind,
    receivedAtMs,
    tookMs === null ? null : receivedAtMs + tookMs,
  );
}

const inStorage = <T>(name: string, work: (storage: DurableObjectStorage) => T): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`activity:${name}`), (_, { storage }) => {
    migrate(storage);
    return work(storage);
  });

test("each hour has its counts, and the median and 95th percentile of the time to Aurora", async () => {
  const { hours, day, completeSince } = await inStorage("hours", ({ sql }) => {
    for (let ms = 1; ms <= 100; ms += 1) add(sql, { receivedAtMs: 98 * HOUR_MS, tookMs: ms });
    add(sql, { receivedAtMs: 99 * HOUR_MS, tookMs: 5000 });
    add(sql, { receivedAtMs: 99 * HOUR_MS, tookMs: null });
    // This request for analysis is not counted, because no webhook caused it.
    add(sql, { kind: "analysis", receivedAtMs: 99 * HOUR_MS, tookMs: 1 });
    // This event is not counted, because it is two days old.
    add(sql, { receivedAtMs: 52 * HOUR_MS, tookMs: 1 });
    const failed = { status: 503, answer: "", durationMs: 1, early: false };
    recordFailedAttempt(sql, 1, { ...failed, atMs: 99 * HOUR_MS });
    recordFailedAttempt(sql, 1, { ...failed, atMs: 99 * HOUR_MS + 1 });
    recordFailedAttempt(sql, 1, { ...failed, atMs: 52 * HOUR_MS });
    return activityOf(sql, new Map([[98, 3]]), NOW_MS);
  });
  expect(hours).toHaveLength(24);
  const none = {
    received: 0,
    refused: 0,
    delivered: 0,
    failed: 0,
    latencyMs: null,
    medianMs: null,
    p95Ms: null,
  };
  expect(hours.at(-1)).toEqual({ ...none, hour: "1970-01-05T04:00:00.000Z" });
  expect(hours.at(-2)).toMatchObject({ received: 2, delivered: 2, failed: 2, medianMs: 5000, p95Ms: 5000 });
  expect(hours.at(-3)).toMatchObject({ received: 100, refused: 3, delivered: 100, medianMs: 50, p95Ms: 95 });
  expect(day).toMatchObject({
    received: 102,
    refused: 3,
    delivered: 102,
    failed: 2,
    medianMs: 51,
    p95Ms: 96,
  });
  expect(completeSince).toBe(hours[0]?.hour);
});

test("if a day has more than 20,000 events, completeSince is the time of the newest event that is not counted", async () => {
  const { day, completeSince } = await inStorage("storm", ({ sql }) => {
    for (let row = 0; row < 20_001; row += 1) {
      add(sql, { receivedAtMs: 99 * HOUR_MS + Math.min(row, 1), tookMs: null });
    }
    return activityOf(sql, new Map(), NOW_MS);
  });
  expect(day.received).toBe(20_000);
  expect(completeSince).toBe(new Date(99 * HOUR_MS).toISOString());
});

test("the hourly counts of refused webhooks are kept for a day, even after the signing secret has changed", async () => {
  await inStorage("refusals", (storage) => {
    const refusals = new Refusals(storage);
    refusals.count("no signature", 10 * HOUR_MS);
    refusals.count("no signature", 30 * HOUR_MS);
    refusals.count("no signature", 30 * HOUR_MS + 1);
    refusals.clear();
    expect(refusals.summary).toEqual({
      count: 0,
      lastAtMs: null,
      lastReason: null,
      byHour: [
        [10, 1],
        [30, 2],
      ],
    });
    refusals.count("no signature", 40 * HOUR_MS);
    expect(refusals.summary).toMatchObject({
      count: 1,
      byHour: [
        [30, 2],
        [40, 1],
      ],
    });
  });
});

test("the hourly counts leave out refusals that an earlier version of the connector stored", async () => {
  await inStorage("earlier", (storage) => {
    storage.kv.put("refusals", { count: 2, lastAtMs: 1, lastReason: null });
    expect(new Refusals(storage).summary).toMatchObject({ count: 2, byHour: [] });
  });
});
