import * as z from "zod/mini";
import { COLUMNS, Entry } from "./journal.ts";

/**
 * The `hints` table: incidents that unsigned webhooks pointed at, to be read back over REST. One row for each
 * incident, however many webhooks point at it.
 */

export const Hint = z.object({
  incidentId: z.string(),
  /** The journal entry of the first webhook that the next read-back answers. */
  firstSeq: z.number(),
  dueAtMs: z.number(),
  attempts: z.number(),
});
export type Hint = z.infer<typeof Hint>;

export function addHint(sql: SqlStorage, incidentId: string, seq: number, nowMs: number): void {
  sql.exec(
    `INSERT INTO hints (incident_id, first_seq, due_at_ms, attempts) VALUES (?, ?, ?, 0)
     ON CONFLICT (incident_id) DO NOTHING`,
    incidentId,
    seq,
    nowMs,
  );
}

/** The next incident to read back, the one that waited longest; null when none is due. */
export function dueHint(sql: SqlStorage, nowMs: number): Hint | null {
  const [row] = sql.exec(
    `SELECT incident_id AS incidentId, first_seq AS firstSeq, due_at_ms AS dueAtMs, attempts
     FROM hints WHERE due_at_ms <= ? ORDER BY due_at_ms LIMIT 1`,
    nowMs,
  );
  return row ? Hint.parse(row) : null;
}

/** When the next read-back is due, of those that are due after `afterMs`; null when none is. */
export function nextHintAtMs(sql: SqlStorage, afterMs: number): number | null {
  const [row] = sql.exec("SELECT min(due_at_ms) AS at FROM hints WHERE due_at_ms > ?", afterMs);
  return z.object({ at: z.nullable(z.number()) }).parse(row).at;
}

/** The unsigned webhooks that a read-back answers: those that had come when it began. */
export function hintedEntries(sql: SqlStorage, hint: Hint): Entry[] {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM journal
     WHERE incident_id = ? AND seq >= ? AND outcome = 'unconfirmed' ORDER BY seq`,
    hint.incidentId,
    hint.firstSeq,
  );
  return [...rows].map((row) => Entry.parse(row));
}

/** Read back: forgotten, unless more webhooks came meanwhile, which the next read-back answers. */
export function finishHint(sql: SqlStorage, hint: Hint, lastSeq: number, nowMs: number): void {
  sql.exec("DELETE FROM hints WHERE incident_id = ?", hint.incidentId);
  const [later] = sql.exec(
    `SELECT seq FROM journal WHERE incident_id = ? AND seq > ? AND outcome = 'unconfirmed' ORDER BY seq LIMIT 1`,
    hint.incidentId,
    lastSeq,
  );
  if (later) addHint(sql, hint.incidentId, z.object({ seq: z.number() }).parse(later).seq, nowMs);
}

/** Not read back: tried again later. */
export function deferHint(sql: SqlStorage, hint: Hint, atMs: number): void {
  sql.exec(
    "UPDATE hints SET due_at_ms = ?, attempts = attempts + 1 WHERE incident_id = ?",
    atMs,
    hint.incidentId,
  );
}

/** All hints are due now: a credential came that may do better. */
export function hurryHints(sql: SqlStorage, nowMs: number): void {
  sql.exec("UPDATE hints SET due_at_ms = ?", nowMs);
}
