import * as z from "zod/mini";
import { LANE } from "../storage/journal.ts";

/**
 * How many of the newest entries are searched for the last accepted delivery. Reading all entries would cost too
 * much.
 */
const RECENT = 10_000;

/** Why a delivery failed. `lacksNumber`: its incident's number could not be read from PagerDuty. */
const Failure = z.lazy(() =>
  z.pipe(
    z.object({
      error: z.string(),
      advice: z.nullable(z.string()),
      failsAtMs: z.nullable(z.number()),
      lane: z.nullable(z.number()),
    }),
    z.transform(({ lane, ...parts }) => ({ ...parts, lacksNumber: lane === LANE.missingNumber })),
  ),
);
export type Failure = z.infer<typeof Failure>;

const Counts = z.object({
  pending: z.number(),
  dead: z.number(),
  lastDeliveredAtMs: z.nullable(z.number()),
});

/** The state of the deliveries, for the status. */
export interface OutboxSummary extends z.infer<typeof Counts> {
  /**
   * The last failure of the pending delivery that is retried next. Deliveries in lane `missingNumber` are considered
   * only if lane `again` has no failed delivery. Null if no pending delivery has failed.
   */
  nextFailed: Failure | null;
  newestDead: Failure | null;
}

/**
 * The last time that Aurora accepted one of the 50 newest delivered entries. The query compares 50 entries, because an
 * older entry can be accepted after a newer entry.
 */
const NEWEST_DELIVERED = `SELECT max(delivered_at_ms) AS at FROM (
  SELECT delivered_at_ms FROM journal WHERE seq > (SELECT max(seq) FROM journal) - ${RECENT}
    AND delivery = 'delivered' ORDER BY seq DESC LIMIT 50)`;
/**
 * The last time that Aurora accepted an entry of the newest bulk redelivery. Redelivered entries can be too old for
 * `NEWEST_DELIVERED`.
 */
const REDELIVERED = `SELECT max(delivered_at_ms) FROM (
  SELECT delivered_at_ms FROM journal
  WHERE redelivery = (SELECT max(redelivery) FROM journal WHERE redelivery IS NOT NULL) AND delivery = 'delivered' LIMIT 1000)`;

const FAILURE = `SELECT coalesce(last_error, 'the reason is not known') AS error, last_advice AS advice, lane`;
const NEXT_FAILED = `${FAILURE}, fails_at_ms AS failsAtMs FROM journal
  WHERE delivery = 'pending' AND lane BETWEEN ${LANE.again} AND ${LANE.missingNumber} AND last_error IS NOT NULL
  ORDER BY lane, next_attempt_at_ms LIMIT 1`;
const NEWEST_DEAD = `${FAILURE}, NULL AS failsAtMs FROM journal WHERE delivery = 'dead' ORDER BY seq DESC LIMIT 1`;

export function summarizeOutbox(sql: SqlStorage): OutboxSummary {
  const [counts] = sql.exec(
    `SELECT
       (SELECT count(*) FROM journal WHERE delivery IN ('pending', 'queued') AND incident_id IN
          (SELECT incident_id FROM journal WHERE delivery = 'pending')) AS pending,
       (SELECT count(*) FROM journal WHERE delivery = 'dead') AS dead,
       (SELECT max(at) FROM (${NEWEST_DELIVERED} UNION ALL ${REDELIVERED})) AS lastDeliveredAtMs`,
  );
  const [next = null] = sql.exec(NEXT_FAILED);
  const [dead = null] = sql.exec(NEWEST_DEAD);
  return {
    ...Counts.parse(counts),
    nextFailed: next && Failure.parse(next),
    newestDead: dead && Failure.parse(dead),
  };
}
