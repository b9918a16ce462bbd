import * as z from "zod/mini";
import { COLUMNS, Entry } from "../storage/journal.ts";

/**
 * The deliveries among the journal's entries. Each incident has at most one `pending` entry, its next; the
 * `queued` ones behind it are promoted one by one, in order.
 */

/**
 * In every query that is to use the index on them: SQLite takes a partial index only where the query repeats
 * its condition word for word. Without it the whole journal is read, on every turn of the alarm.
 */
const OUTSTANDING = "delivery IN ('pending', 'queued', 'dead')";

/**
 * Deliveries that must not hold each other up: those never tried, those that failed before, and those whose
 * incident's number is not in them and may have to be read from PagerDuty first.
 */
export type Lane = "first" | "again" | "numberless";

const NUMBERLESS = "coalesce(json_extract(notification, '$.incident.sourceAlertId') = incident_id, 0)";
const LANES: Record<Lane, string> = {
  first: `attempts = 0 AND NOT ${NUMBERLESS}`,
  again: `attempts > 0 AND NOT ${NUMBERLESS}`,
  numberless: NUMBERLESS,
};

/** Pending entries of one lane whose time has come, the longest due first. */
export function dueDeliveries(sql: SqlStorage, lane: Lane, nowMs: number, limit: number): Entry[] {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM journal WHERE ${OUTSTANDING} AND delivery = 'pending' AND next_attempt_at_ms <= ?
     AND ${LANES[lane]} ORDER BY next_attempt_at_ms LIMIT ?`,
    nowMs,
    limit,
  );
  return [...rows].map((row) => Entry.parse(row));
}

/** When the next delivery is due, of those that are due after `afterMs`; null when there is none. */
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

/** Aurora has it; its incident's next one is due at `nextDueAtMs`. */
export function markDelivered(sql: SqlStorage, entry: Entry, nowMs: number, nextDueAtMs: number): void {
  sql.exec(
    "UPDATE journal SET delivery = 'delivered', attempts = ?, delivered_at_ms = ? WHERE seq = ?",
    entry.attempts + 1,
    nowMs,
    entry.seq,
  );
  promoteNext(sql, entry.incidentId, nextDueAtMs);
}

/** What came of an attempt in vain. Times in milliseconds. */
export interface Retry {
  /** How many attempts of the schedule are used up. */
  attempts: number;
  atMs: number;
  /** Before which Aurora asked not to be asked; null where it did not. */
  notBeforeMs: number | null;
  error: string;
}

export function markRetry(sql: SqlStorage, { seq }: Entry, retry: Retry): void {
  sql.exec(
    `UPDATE journal SET attempts = ?, next_attempt_at_ms = ?, not_before_ms = ?, last_error = ? WHERE seq = ?`,
    retry.attempts,
    retry.atMs,
    retry.notBeforeMs,
    retry.error,
    seq,
  );
}

/** Tried for the last time; kept until somebody asks again. Its incident goes on. */
export function markDead(sql: SqlStorage, entry: Entry, error: string, nextDueAtMs: number): void {
  sql.exec(
    "UPDATE journal SET delivery = 'dead', attempts = ?, last_error = ? WHERE seq = ?",
    entry.attempts + 1,
    error,
    entry.seq,
  );
  promoteNext(sql, entry.incidentId, nextDueAtMs);
}

const Waiting = z.object({ seq: z.number(), atMs: z.number(), notBeforeMs: z.nullable(z.number()) });

/** What failed before and waits until after `afterMs`, the soonest first. */
export function waitingDeliveries(
  sql: SqlStorage,
  afterMs: number,
  limit: number,
): z.infer<typeof Waiting>[] {
  const rows = sql.exec(
    `SELECT seq, next_attempt_at_ms AS atMs, not_before_ms AS notBeforeMs FROM journal
     WHERE ${OUTSTANDING} AND delivery = 'pending' AND next_attempt_at_ms > ? AND attempts > 0
     ORDER BY next_attempt_at_ms LIMIT ?`,
    afterMs,
    limit,
  );
  return [...rows].map((row) => Waiting.parse(row));
}

/** Tried at `atMs` instead. */
export function reschedule(sql: SqlStorage, seq: number, atMs: number): void {
  sql.exec("UPDATE journal SET next_attempt_at_ms = ? WHERE seq = ?", atMs, seq);
}

const Dead = z.object({ seq: z.number(), incidentId: z.nullable(z.string()), id: z.nullable(z.string()) });

/**
 * Puts dead deliveries back in line, with the same id and a new schedule.
 * @param ids null for all of them
 * @returns how many
 */
export function reviveDead(sql: SqlStorage, ids: readonly string[] | null, dueAtMs: number): number {
  const wanted = ids === null ? null : new Set(ids);
  // Only what tells them apart: there may be a day's worth of them.
  const rows = sql.exec(
    `SELECT seq, incident_id AS incidentId, coalesce(json_extract(notification, '$.messageId'), webhook_id) AS id
     FROM journal WHERE ${OUTSTANDING} AND delivery = 'dead' ORDER BY seq`,
  );
  const revived = [...rows]
    .map((row) => Dead.parse(row))
    .filter(({ id }) => wanted === null || (id !== null && wanted.has(id)));
  for (const { seq } of revived) {
    sql.exec("UPDATE journal SET delivery = 'queued', attempts = 0 WHERE seq = ?", seq);
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

/** How far back the last delivery is looked for: it is a sign of life, not worth reading everything for. */
const RECENT = 10_000;

/** How the deliveries stand, for the status. Times in milliseconds. */
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
