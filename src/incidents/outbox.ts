import * as z from "zod/mini";
import { COLUMNS, Entry } from "./journal.ts";

/**
 * The deliveries among the journal's entries. Each incident has at most one `pending` entry, its next; the
 * `queued` ones behind it are promoted one by one, in order.
 */

/**
 * In every query that is to use the index on them: SQLite takes a partial index only where the query repeats
 * its condition word for word. Without it the whole journal is read, on every turn of the alarm.
 */
const OUTSTANDING = "delivery IN ('pending', 'queued', 'dead')";

/** Pending entries whose time has come, the longest due first. */
export function dueDeliveries(sql: SqlStorage, nowMs: number, limit: number): Entry[] {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM journal WHERE ${OUTSTANDING} AND delivery = 'pending' AND next_attempt_at_ms <= ?
     ORDER BY next_attempt_at_ms LIMIT ?`,
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

/** Tried in vain; tried again at `atMs`. @param attempts how many of the schedule's are used up */
export function markRetry(
  sql: SqlStorage,
  entry: Entry,
  attempts: number,
  atMs: number,
  error: string,
): void {
  sql.exec(
    "UPDATE journal SET attempts = ?, next_attempt_at_ms = ?, last_error = ? WHERE seq = ?",
    attempts,
    atMs,
    error,
    entry.seq,
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

/** What failed before and waits for a later attempt is due now. @returns the entries' places in the journal */
export function hurryDeliveries(sql: SqlStorage, nowMs: number): number[] {
  const rows = sql.exec(
    `UPDATE journal SET next_attempt_at_ms = ?
     WHERE ${OUTSTANDING} AND delivery = 'pending' AND attempts > 0 AND next_attempt_at_ms > ? RETURNING seq`,
    nowMs,
    nowMs,
  );
  return [...rows].map((row) => z.object({ seq: z.number() }).parse(row).seq);
}

/**
 * Puts dead deliveries back in line, with the same `webhook-id` and a new schedule.
 * @param messageIds null for all of them
 * @returns how many
 */
export function reviveDead(sql: SqlStorage, messageIds: readonly string[] | null, dueAtMs: number): number {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM journal WHERE ${OUTSTANDING} AND delivery = 'dead' ORDER BY seq`,
  );
  const revived = [...rows]
    .map((row) => Entry.parse(row))
    .filter(({ notification }) => messageIds === null || messageIds.includes(notification?.messageId ?? ""));
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
