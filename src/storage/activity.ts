import * as z from "zod/mini";

/** `GET /pagerduty/activity`: webhooks and deliveries of the last day, by the hour, for a small chart. */

const HOUR_MS = 3600 * 1000;
const HOURS = 24;
/** How many of the newest rows are read; in a storm they cover less than a day. */
const MAX_ROWS = 20_000;

const Row = z.object({
  hour: z.number(),
  received: z.number(),
  delivered: z.number(),
  latencyMs: z.nullable(z.number()),
});

const RECENT = `SELECT kind, received_at_ms, delivered_at_ms FROM journal ORDER BY seq DESC LIMIT ${MAX_ROWS}`;

/** 24 hours, oldest first, the current one last. Latency is the mean time from arrival to Aurora's answer. */
export function activityOf(sql: SqlStorage, nowMs: number) {
  const last = Math.floor(nowMs / HOUR_MS);
  const first = last - HOURS + 1;
  const rows = sql.exec(
    `SELECT hour, sum(received) AS received, sum(delivered) AS delivered, avg(latency) AS latencyMs FROM (
       SELECT received_at_ms / ${HOUR_MS} AS hour, 1 AS received, 0 AS delivered, NULL AS latency
       FROM (${RECENT}) WHERE kind = 'webhook'
       UNION ALL
       SELECT delivered_at_ms / ${HOUR_MS}, 0, 1, delivered_at_ms - received_at_ms
       FROM (${RECENT}) WHERE delivered_at_ms IS NOT NULL)
     WHERE hour >= ? GROUP BY hour`,
    first,
  );
  const known = new Map([...rows].map((row) => Row.parse(row)).map((row) => [row.hour, row]));
  const hours = Array.from({ length: HOURS }, (_, index) => {
    const row = known.get(first + index);
    return {
      hour: new Date((first + index) * HOUR_MS).toISOString(),
      received: row?.received ?? 0,
      delivered: row?.delivered ?? 0,
      latencyMs: row?.latencyMs == null ? null : Math.round(row.latencyMs),
    };
  });
  return { hours };
}
