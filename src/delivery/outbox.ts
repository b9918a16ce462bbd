import * as z from "zod/mini";
import type { ErrorClass } from "../incidents/incident.ts";
import { numberOf } from "../storage/columns.ts";
import { type Entry, LANE } from "../storage/journal.ts";
import type { FailureParts } from "./failure-text.ts";

/**
 * Deliveries are journal entries with a `delivery` state. Each incident has at most one `pending` entry, which is
 * sent next. The `queued` entries after it become pending one by one, in order.
 *
 * The states `pending` and `dead` have partial indexes. SQLite only uses such an index if the query repeats the
 * index's condition word for word.
 */

/**
 * Groups of deliveries that must not delay each other. `first`: new deliveries. `again`: deliveries that failed
 * before. `missingNumber`: deliveries whose incident's number may have to be read from PagerDuty first. `context`:
 * deliveries that wait for their incident's context.
 */
export type Lane = keyof typeof LANE;

const DueDelivery = z.object({ seq: z.number(), incidentId: z.nullable(z.string()) });
export type DueDelivery = z.infer<typeof DueDelivery>;

/** Returns the due deliveries of one lane, ordered by the time when they became due. */
export function dueDeliveries(sql: SqlStorage, lane: Lane, nowMs: number, limit: number): DueDelivery[] {
  const rows = sql.exec(
    `SELECT seq, incident_id AS incidentId FROM journal
     WHERE delivery = 'pending' AND lane = ? AND next_attempt_at_ms <= ? ORDER BY next_attempt_at_ms LIMIT ?`,
    LANE[lane],
    nowMs,
    limit,
  );
  return [...rows].map((row) => DueDelivery.parse(row));
}

/** Returns the next time after `afterMs` when a delivery is due; null if there is none. */
export function nextDeliveryAtMs(sql: SqlStorage, afterMs: number): number | null {
  const inLane = (lane: number) =>
    `SELECT min(next_attempt_at_ms) AS at FROM journal
     WHERE delivery = 'pending' AND lane = ${lane} AND next_attempt_at_ms > ?`;
  const lanes = Object.values(LANE);
  const rows = sql.exec(
    `SELECT min(at) FROM (${lanes.map(inLane).join(" UNION ALL ")})`,
    ...lanes.map(() => afterMs),
  );
  return numberOf(rows);
}

const AwaitingContext = z.object({ seq: z.number(), incidentId: z.string(), untilMs: z.number() });

/**
 * At most this many waiting deliveries are compared by severity. In a storm, comparing thousands each time would cost
 * more than the deliveries themselves.
 */
const MAX_COMPARED = 1_000;

/**
 * Returns deliveries that wait for their incident's context, most severe incidents first. The wait ends at `untilMs`.
 */
export function deliveriesAwaitingContext(
  sql: SqlStorage,
  nowMs: number,
  limit: number,
): z.infer<typeof AwaitingContext>[] {
  const rows = sql.exec(
    `SELECT seq, incident_id AS incidentId, next_attempt_at_ms AS untilMs
     FROM (SELECT seq, incident_id, next_attempt_at_ms FROM journal
           WHERE delivery = 'pending' AND lane = ${LANE.context} AND next_attempt_at_ms > ?
           ORDER BY next_attempt_at_ms LIMIT ${MAX_COMPARED})
     JOIN incidents USING (incident_id)
     ORDER BY severity_rank, next_attempt_at_ms LIMIT ?`,
    nowMs,
    limit,
  );
  return [...rows].map((row) => AwaitingContext.parse(row));
}

/**
 * Ends a delivery's wait for its incident's context. The delivery is then due at the time of the schedule's first
 * attempt, or at once if this time has passed.
 */
export function endContextWait(sql: SqlStorage, seq: number, waitMs: number, nowMs: number): void {
  sql.exec(
    `UPDATE journal SET lane = ${LANE.first}, next_attempt_at_ms = max(next_attempt_at_ms - ?, ?)
     WHERE seq = ? AND delivery = 'pending' AND lane = ${LANE.context}`,
    waitMs,
    nowMs,
    seq,
  );
}

/**
 * Makes the incident's next queued delivery pending. Queued deliveries have no index, because an index would cost a
 * billed row for each delivery. The query therefore searches the incident's entries, but only if the incident may have
 * queued deliveries.
 * @param afterSeq the delivery that has just finished
 */
export function promoteNext(
  sql: SqlStorage,
  incidentId: string | null,
  afterSeq: number,
  dueAtMs: number,
): void {
  sql.exec(
    `UPDATE journal SET delivery = 'pending', next_attempt_at_ms = ?
     WHERE seq = (
       SELECT min(seq) FROM journal WHERE incident_id = ? AND delivery = 'queued'
         AND coalesce((SELECT last_delivery_seq > ? OR revived FROM incidents WHERE incident_id = ?), 1))`,
    dueAtMs,
    incidentId,
    afterSeq,
    incidentId,
  );
}

/**
 * Whether Aurora has accepted a later delivery of the incident, but not this delivery. Returns false until
 * `redelivery.ts` has set the incident's `revived`, because until then the incident's deliveries are sent in order.
 */
export function isOvertaken(sql: SqlStorage, { seq, incidentId, delivery }: Entry): boolean {
  if (delivery === "delivered") return false;
  const rows = sql.exec(
    `SELECT 1 FROM incidents JOIN journal USING (incident_id)
     WHERE incident_id = ? AND revived = 1 AND journal.seq > ? AND journal.delivery = 'delivered' LIMIT 1`,
    incidentId,
    seq,
  );
  return [...rows].length > 0;
}

/** The result of a finished delivery. */
export interface Finish {
  attempts: number;
  status: number | null;
  nowMs: number;
  /** The due time of the incident's next delivery. */
  nextDueAtMs: number;
}

/** Stores that Aurora accepted the delivery. */
export function markDelivered(sql: SqlStorage, { seq, incidentId }: DueDelivery, finish: Finish): void {
  sql.exec(
    `UPDATE journal SET delivery = 'delivered', attempts = ?, last_status = ?, delivered_at_ms = ?, error_class = NULL
     WHERE seq = ?`,
    finish.attempts,
    finish.status,
    finish.nowMs,
    seq,
  );
  promoteNext(sql, incidentId, seq, finish.nextDueAtMs);
}

export interface AttemptFailure extends FailureParts {
  errorClass: ErrorClass;
}

/** Marks a delivery as dead after its last attempt. The incident's next delivery follows. */
export function markDead(
  sql: SqlStorage,
  { seq, incidentId }: DueDelivery,
  { error, advice, failsAtMs, errorClass }: AttemptFailure,
  finish: Finish,
): void {
  sql.exec(
    `UPDATE journal SET delivery = 'dead', attempts = ?, last_error = ?, last_advice = ?, fails_at_ms = ?,
       last_status = ?, error_class = ? WHERE seq = ?`,
    finish.attempts,
    error,
    advice,
    failsAtMs,
    finish.status,
    errorClass,
    seq,
  );
  promoteNext(sql, incidentId, seq, finish.nextDueAtMs);
}

/** Marks a delivery as dead because it cannot be processed. Does nothing if the delivery is not pending. */
export function markBroken(sql: SqlStorage, seq: number, error: string, nowMs: number): void {
  const [row] = sql.exec(
    `SELECT seq, incident_id AS incidentId, attempts FROM journal WHERE seq = ? AND delivery = 'pending'`,
    seq,
  );
  if (!row) return;
  const { attempts, ...due } = z.extend(DueDelivery, { attempts: z.number() }).parse(row);
  markDead(
    sql,
    due,
    { error, advice: null, failsAtMs: null, errorClass: "not_sent" },
    { attempts, status: null, nowMs, nextDueAtMs: nowMs },
  );
}

/**
 * Stores that the first `count` parts of the delivery were accepted at `sentTo`, so that they are not sent there
 * again.
 */
export function markSentParts(sql: SqlStorage, seq: number, count: number, sentTo: string): void {
  sql.exec("UPDATE journal SET sent_parts = ?, sent_to = ? WHERE seq = ?", count, sentTo, seq);
}

/** The state of a delivery after a failed attempt. */
export interface Retry extends AttemptFailure {
  lane: Lane;
  /** How many attempts of the schedule are used up. */
  attempts: number;
  atMs: number;
  /** After an early attempt, the time of the next planned attempt; null after a planned attempt. */
  plannedAtMs: number | null;
  /** The time when the wait of Aurora's `Retry-After` ends; null if Aurora sent no `Retry-After`. */
  notBeforeMs: number | null;
  status: number | null;
}

export function markRetry(sql: SqlStorage, seq: number, retry: Retry): void {
  sql.exec(
    `UPDATE journal SET lane = ?, attempts = ?, next_attempt_at_ms = ?, planned_at_ms = ?, not_before_ms = ?,
       last_error = ?, last_advice = ?, fails_at_ms = ?, last_status = ?, error_class = ? WHERE seq = ?`,
    LANE[retry.lane],
    retry.attempts,
    retry.atMs,
    retry.plannedAtMs,
    retry.notBeforeMs,
    retry.error,
    retry.advice,
    retry.failsAtMs,
    retry.status,
    retry.errorClass,
    seq,
  );
}

/** A delivery is brought forward only if it would wait longer than this. */
const MIN_EARLY_WAIT_MS = 5 * 60 * 1000;
/**
 * At most this many deliveries are brought forward together. A larger group could overload an Aurora that has just
 * recovered.
 */
const MAX_EARLY = 50;
/**
 * At most this many waiting deliveries are examined. After a long outage, most of them may already have had their
 * early attempt.
 */
const MAX_LOOKED_AT = 1_000;
/** Selects attempts that were brought forward and have not been made yet. This is the condition of an index. */
const EARLY = "delivery = 'pending' AND planned_at_ms > next_attempt_at_ms";

/**
 * Brings waiting deliveries forward after Aurora accepted a delivery, but never before the time in a `Retry-After`. A
 * delivery gets at most one early attempt between two planned attempts. Otherwise, a delivery that Aurora always
 * refuses would be retried endlessly. The next group of deliveries is brought forward only after all early attempts
 * were made.
 */
export function retryEarly(sql: SqlStorage, nowMs: number): void {
  sql.exec(
    `UPDATE journal SET planned_at_ms = next_attempt_at_ms, next_attempt_at_ms = ?
     WHERE seq IN (
       SELECT seq FROM (
         SELECT seq, planned_at_ms, not_before_ms FROM journal
         WHERE NOT EXISTS (SELECT 1 FROM journal WHERE ${EARLY})
           AND delivery = 'pending' AND lane = ${LANE.again} AND next_attempt_at_ms > ?
         ORDER BY next_attempt_at_ms LIMIT ?)
       WHERE planned_at_ms IS NULL AND coalesce(not_before_ms, 0) <= ? LIMIT ?)`,
    nowMs,
    nowMs + MIN_EARLY_WAIT_MS,
    MAX_LOOKED_AT,
    nowMs,
    MAX_EARLY,
  );
}

/** Whether the delivery is `pending`, which makes it the next delivery of its incident. */
export const isPending = (sql: SqlStorage, seq: number): boolean =>
  [...sql.exec("SELECT 1 FROM journal WHERE seq = ? AND delivery = 'pending'", seq)].length > 0;
