import * as z from "zod/mini";

/** `GET /pagerduty/activity`: counts the webhooks and deliveries of the last day by hour, for a chart. */

export const HOUR_MS = 3600 * 1000;
export const HOURS = 24;
/**
 * Only the newest 20,000 journal rows and the newest 20,000 failed attempts are read. An alert storm can write more in
 * a day.
 */
const MAX_ROWS = 20_000;

const Counts = z.object({
  hour: z.number(),
  received: z.number(),
  delivered: z.number(),
  failed: z.number(),
});
const Ways = z.lazy(() =>
  z.object({
    /** The hour's number since 1970; null in the row for the whole day. */
    hour: z.nullable(z.number()),
    meanMs: z.nullable(z.number()),
    medianMs: z.nullable(z.number()),
    p95Ms: z.nullable(z.number()),
  }),
);

const RECENT = `recent AS (SELECT kind, received_at_ms, delivered_at_ms FROM journal
  WHERE seq > (SELECT max(seq) FROM journal) - ${MAX_ROWS})`;
const FAILED = `SELECT at_ms FROM attempts WHERE at_ms >= ? ORDER BY at_ms DESC LIMIT ${MAX_ROWS}`;

function countsSince(sql: SqlStorage, firstHour: number) {
  const rows = sql.exec(
    `WITH ${RECENT}
     SELECT hour, sum(received) AS received, sum(delivered) AS delivered, sum(failed) AS failed FROM (
       SELECT received_at_ms / ${HOUR_MS} AS hour, 1 AS received, 0 AS delivered, 0 AS failed
       FROM recent WHERE kind = 'webhook'
       UNION ALL SELECT delivered_at_ms / ${HOUR_MS}, 0, 1, 0 FROM recent WHERE delivered_at_ms IS NOT NULL
       UNION ALL SELECT at_ms / ${HOUR_MS}, 0, 0, 1 FROM (${FAILED}))
     WHERE hour >= ? GROUP BY hour`,
    firstHour * HOUR_MS,
    firstHour,
  );
  return new Map([...rows].map((row) => Counts.parse(row)).map((row) => [row.hour, row]));
}

/**
 * Computes how long events took from receipt to Aurora's acceptance: the mean, the median and the 95th percentile
 * (nearest rank). The map's keys are hours. The key null stands for the whole day.
 */
function waysSince(sql: SqlStorage, firstHour: number) {
  const rows = sql.exec(
    `WITH ${RECENT},
     ways AS (SELECT delivered_at_ms / ${HOUR_MS} AS hour, delivered_at_ms - received_at_ms AS ms FROM recent
       WHERE delivered_at_ms >= ? AND kind IN ('webhook', 'readback')),
     ranked AS (
       SELECT hour, ms, row_number() OVER (PARTITION BY hour ORDER BY ms) AS place,
         count(*) OVER (PARTITION BY hour) AS total FROM ways
       UNION ALL SELECT NULL, ms, row_number() OVER (ORDER BY ms), count(*) OVER () FROM ways)
     SELECT hour, avg(ms) AS meanMs,
       max(CASE WHEN place = (total + 1) / 2 THEN ms END) AS medianMs,
       max(CASE WHEN place = (total * 95 + 99) / 100 THEN ms END) AS p95Ms
     FROM ranked GROUP BY hour`,
    firstHour * HOUR_MS,
  );
  return new Map([...rows].map((row) => Ways.parse(row)).map((row) => [row.hour, row]));
}

/**
 * Returns the time from which on the counts are complete. This is the start of `firstHour`, or a later time if
 * `MAX_ROWS` leaves out rows.
 */
function completeSinceMs(sql: SqlStorage, firstHour: number): number {
  const [row] = sql.exec(
    `SELECT max(
       coalesce((SELECT received_at_ms FROM journal WHERE seq = (SELECT max(seq) FROM journal) - ${MAX_ROWS}), 0),
       coalesce((SELECT at_ms FROM attempts WHERE at_ms >= ? ORDER BY at_ms DESC LIMIT 1 OFFSET ${MAX_ROWS}), 0)
     ) AS sinceMs`,
    firstHour * HOUR_MS,
  );
  return Math.max(firstHour * HOUR_MS, z.object({ sinceMs: z.number() }).parse(row).sinceMs);
}

const rounded = (ms: number | null | undefined) => (ms == null ? null : Math.round(ms));
const latencyOf = (ways: z.infer<typeof Ways> | undefined) => ({
  latencyMs: rounded(ways?.meanMs),
  medianMs: rounded(ways?.medianMs),
  p95Ms: rounded(ways?.p95Ms),
});

/**
 * Returns the counts of each of the last 24 hours, the current hour last, and the counts of the whole day.
 * @param refusedByHour how many webhooks were refused in each hour; the keys are hours since 1970
 */
export function activityOf(sql: SqlStorage, refusedByHour: ReadonlyMap<number, number>, nowMs: number) {
  const firstHour = Math.floor(nowMs / HOUR_MS) - HOURS + 1;
  const counts = countsSince(sql, firstHour);
  const ways = waysSince(sql, firstHour);
  const hours = Array.from({ length: HOURS }, (_, index) => {
    const hour = firstHour + index;
    return {
      hour: new Date(hour * HOUR_MS).toISOString(),
      received: counts.get(hour)?.received ?? 0,
      refused: refusedByHour.get(hour) ?? 0,
      delivered: counts.get(hour)?.delivered ?? 0,
      failed: counts.get(hour)?.failed ?? 0,
      ...latencyOf(ways.get(hour)),
    };
  });
  const sum = (name: "received" | "refused" | "delivered" | "failed") =>
    hours.reduce((total, hour) => total + hour[name], 0);
  const day = {
    received: sum("received"),
    refused: sum("refused"),
    delivered: sum("delivered"),
    failed: sum("failed"),
    ...latencyOf(ways.get(null)),
  };
  return { hours, day, completeSince: new Date(completeSinceMs(sql, firstHour)).toISOString() };
}
