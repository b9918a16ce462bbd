import * as z from "zod/mini";
import { COLUMNS, Entry } from "../storage/journal.ts";

/**
 * Deliveries are journal entries with a `delivery` state. Each incident has at most one `pending` entry, which is
 * sent next. The `queued` entries behind it become pending one by one, in order.
 */

/**
 * Every query on deliveries repeats this condition: SQLite uses the partial index only where the query has the index's
 * condition word for word, and would otherwise read the whole journal on each run of the alarm.
 */
const OUTSTANDING = "delivery IN ('pending', 'queued', 'dead')";

/**
 * Deliveries that must not hold each other up: new ones, ones that failed before, and ones whose incident number may
 * have to be read from PagerDuty first.
 */
export type Lane = "first" | "again" | "missingNumber";

const MISSING_NUMBER = "coalesce(json_extract(notification, '$.incident.sourceAlertId') = incident_id, 0)";
const LANES: Record<Lane, string> = {
  first: `attempts = 0 AND NOT ${MISSING_NUMBER}`,
  again: `attempts > 0 AND NOT ${MISSING_NUMBER}`,
  missingNumber: MISSING_NUMBER,
};

/** The due deliveries of one lane, those that have been due for the longest first. */
export function dueDeliveries(sql: SqlStorage, lane: Lane, nowMs: number, limit: number): Entry[] {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM journal WHERE ${OUTSTANDING} AND delivery = 'pending' AND next_attempt_at_ms <= ?
     AND ${LANES[lane]} ORDER BY next_attempt_at_ms LIMIT ?`,
    nowMs,
    limit,
  );
  return [...rows].map((row) => Entry.parse(row));
}

/** When the next delivery is due after `afterMs`; null when none is. */
export function nextDeliveryAtMs(sql: SqlStorage, afterMs: number): number | null {
  const [row] = sql.exec(
    `SELECT min(next_attempt_at_ms) AS at FROM journal
     WHERE ${OUTSTANDING} AND delivery = 'pending' AND next_attempt_at_ms > ?`,
    afterMs,
  );
  return z.object({ at: z.nullable(z.number()) }).parse(row).at;
}

function promoteNext(sql: SqlStorage, incidentId: string | null, dueAtMs: number): void {
  sql.exec(
    `UPDATE journal SET delivery = 'pending', next_attempt_at_ms = ?
     WHERE seq = (SELECT min(seq) FROM journal WHERE incident_id = ? AND delivery = 'queued')`,
    dueAtMs,
    incidentId,
  );
}

/** Aurora accepted the entry. Its incident's next entry is due at `nextDueAtMs`. */
export function markDelivered(sql: SqlStorage, entry: Entry, nowMs: number, nextDueAtMs: number): void {
  sql.exec(
    "UPDATE journal SET delivery = 'delivered', attempts = ?, delivered_at_ms = ? WHERE seq = ?",
    entry.attempts + 1,
    nowMs,
    entry.seq,
  );
  promoteNext(sql, entry.incidentId, nextDueAtMs);
}

/** What is stored after a failed attempt. Times in milliseconds. */
export interface Retry {
  /** How many attempts of the schedule are used up. */
  attempts: number;
  atMs: number;
  /** The schedule's time, where the attempt came before it; null where the attempt was the schedule's own. */
  plannedAtMs: number | null;
  /** Aurora asked not to be called before this; null where it did not ask. */
  notBeforeMs: number | null;
  error: string;
}

export function markRetry(sql: SqlStorage, { seq }: Entry, retry: Retry): void {
  sql.exec(
    `UPDATE journal SET attempts = ?, next_attempt_at_ms = ?, planned_at_ms = ?, not_before_ms = ?, last_error = ?
     WHERE seq = ?`,
    retry.attempts,
    retry.atMs,
    retry.plannedAtMs,
    retry.notBeforeMs,
    retry.error,
    seq,
  );
}

/** The last attempt failed. The entry is kept until a person asks to send it again; its incident's next one follows. */
export function markDead(sql: SqlStorage, entry: Entry, error: string, nextDueAtMs: number): void {
  sql.exec(
    "UPDATE journal SET delivery = 'dead', attempts = ?, last_error = ? WHERE seq = ?",
    entry.attempts + 1,
    error,
    entry.seq,
  );
  promoteNext(sql, entry.incidentId, nextDueAtMs);
}

/** Shorter waits are left as they are: the planned attempt comes soon enough. */
const MIN_EARLY_WAIT_MS = 5 * 60 * 1000;
/** Brought forward together; more would overload an Aurora that has just come back. */
const MAX_EARLY = 50;
/** Waiting deliveries that are looked at: after a long outage most of them may have had their early attempt. */
const MAX_LOOKED_AT = 1_000;
/** An attempt that was brought forward and has not been made yet: the condition of an index. */
const EARLY = "delivery = 'pending' AND planned_at_ms > next_attempt_at_ms";

/**
 * Aurora accepts deliveries again: long waits end now, except where Aurora asked for one. Each delivery gets at most one
 * early attempt between two planned ones, so a notification that Aurora always refuses is not retried endlessly. The
 * next deliveries are brought forward when all early attempts have been made.
 */
export function retryEarly(sql: SqlStorage, nowMs: number): void {
  sql.exec(
    `UPDATE journal SET planned_at_ms = next_attempt_at_ms, next_attempt_at_ms = ?
     WHERE seq IN (
       SELECT seq FROM (
         SELECT seq, planned_at_ms, not_before_ms FROM journal
         WHERE NOT EXISTS (SELECT 1 FROM journal WHERE ${EARLY})
           AND ${OUTSTANDING} AND delivery = 'pending' AND next_attempt_at_ms > ? AND attempts > 0
         ORDER BY next_attempt_at_ms LIMIT ?)
       WHERE planned_at_ms IS NULL AND coalesce(not_before_ms, 0) <= ? LIMIT ?)`,
    nowMs,
    nowMs + MIN_EARLY_WAIT_MS,
    MAX_LOOKED_AT,
    nowMs,
    MAX_EARLY,
  );
}

const Dead = z.object({ seq: z.number(), incidentId: z.nullable(z.string()), id: z.nullable(z.string()) });

/**
 * Queues dead deliveries again, with the same id and a new schedule.
 * @param ids null for all of them
 * @returns how many
 */
export function reviveDead(sql: SqlStorage, ids: readonly string[] | null, dueAtMs: number): number {
  const wanted = ids === null ? null : new Set(ids);
  // Only the columns that identify them: a day's deliveries may be dead.
  const rows = sql.exec(
    `SELECT seq, incident_id AS incidentId, coalesce(json_extract(notification, '$.messageId'), webhook_id) AS id
     FROM journal WHERE ${OUTSTANDING} AND delivery = 'dead' ORDER BY seq`,
  );
  const revived = [...rows]
    .map((row) => Dead.parse(row))
    .filter(({ id }) => wanted === null || (id !== null && wanted.has(id)));
  for (const { seq } of revived) {
    sql.exec(
      "UPDATE journal SET delivery = 'queued', attempts = 0, planned_at_ms = NULL, not_before_ms = NULL WHERE seq = ?",
      seq,
    );
  }
  for (const incidentId of new Set(revived.map((entry) => entry.incidentId))) {
    const [busy] = sql.exec(
      "SELECT 1 FROM journal WHERE incident_id = ? AND delivery = 'pending' LIMIT 1",
      incidentId,
    );
    if (!busy) promoteNext(sql, incidentId, dueAtMs);
  }
  return revived.length;
}

/** How many of the newest entries are searched for the last delivery: reading all of them would cost too much. */
const RECENT = 10_000;

/** The state of the deliveries, for the status. Times in milliseconds. */
export const OutboxSummary = z.object({
  pending: z.number(),
  dead: z.number(),
  lastDeliveredAtMs: z.nullable(z.number()),
  lastError: z.nullable(z.string()),
});
export type OutboxSummary = z.infer<typeof OutboxSummary>;

export function summarizeOutbox(sql: SqlStorage): OutboxSummary {
  const [row] = sql.exec(
    `SELECT
       (SELECT count(*) FROM journal WHERE ${OUTSTANDING} AND delivery IN ('pending', 'queued')) AS pending,
       (SELECT count(*) FROM journal WHERE ${OUTSTANDING} AND delivery = 'dead') AS dead,
       (SELECT delivered_at_ms FROM journal WHERE delivery = 'delivered' AND seq > (SELECT max(seq) FROM journal) - ${RECENT}
        ORDER BY seq DESC LIMIT 1) AS lastDeliveredAtMs,
       (SELECT last_error FROM journal WHERE ${OUTSTANDING} AND delivery <> 'queued' AND last_error IS NOT NULL
        ORDER BY seq DESC LIMIT 1) AS lastError`,
  );
  return OutboxSummary.parse(row);
}
