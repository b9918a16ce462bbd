import * as z from "zod/mini";
import { COLUMNS, Entry } from "./journal.ts";
import { WAITING } from "./unconfirmed.ts";

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

/** The next incident to read back, the one that waited longest; null when none is due, or while all pause. */
export function dueHint(sql: SqlStorage, nowMs: number): Hint | null {
  const [row] = sql.exec(
    `SELECT incident_id AS incidentId, first_seq AS firstSeq, due_at_ms AS dueAtMs, attempts FROM hints
     WHERE due_at_ms <= ? AND NOT EXISTS (SELECT 1 FROM hints_pause WHERE id = 1 AND until_at_ms > ?)
     ORDER BY due_at_ms LIMIT 1`,
    nowMs,
    nowMs,
  );
  return row ? Hint.parse(row) : null;
}

/** When the next read-back is due, of those that are due after `afterMs`; null when none is. */
export function nextHintAtMs(sql: SqlStorage, afterMs: number): number | null {
  const untilMs = pauseOf(sql)?.untilMs ?? Number.NEGATIVE_INFINITY;
  const pauses = untilMs > afterMs;
  const [row] = sql.exec(
    "SELECT min(due_at_ms) AS at FROM hints WHERE due_at_ms > ?",
    pauses ? Number.NEGATIVE_INFINITY : afterMs,
  );
  const { at } = z.object({ at: z.nullable(z.number()) }).parse(row);
  return at === null || !pauses ? at : Math.max(at, untilMs);
}

const Pause = z.object({ untilMs: z.number(), attempts: z.number() });

function pauseOf(sql: SqlStorage): z.infer<typeof Pause> | null {
  const [row] = sql.exec("SELECT until_at_ms AS untilMs, attempts FROM hints_pause WHERE id = 1");
  return row ? Pause.parse(row) : null;
}

const MIN_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 15 * 60 * 1000;

/**
 * Nothing can be read for now, by no hint.
 * @param pauseMs null where nobody says for how long: longer with each time in a row
 */
export function pauseHints(sql: SqlStorage, nowMs: number, pauseMs: number | null): void {
  const attempts = pauseOf(sql)?.attempts ?? 0;
  sql.exec(
    "INSERT OR REPLACE INTO hints_pause (id, until_at_ms, attempts) VALUES (1, ?, ?)",
    nowMs + (pauseMs ?? Math.min(MIN_PAUSE_MS * 2 ** attempts, MAX_PAUSE_MS)),
    attempts + 1,
  );
}

/** PagerDuty answers again. */
export function endPause(sql: SqlStorage): void {
  sql.exec("DELETE FROM hints_pause");
}

/** The unsigned webhooks that wait for this read-back, those that came first. */
export function hintedEntries(sql: SqlStorage, hint: Hint, limit: number): Entry[] {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM journal
     WHERE incident_id = ? AND seq >= ? AND ${WAITING} ORDER BY seq LIMIT ?`,
    hint.incidentId,
    hint.firstSeq,
    limit,
  );
  return [...rows].map((row) => Entry.parse(row));
}

/** Read back up to `lastSeq`: forgotten, unless more webhooks wait, which the next read-back answers. */
export function finishHint(sql: SqlStorage, hint: Hint, lastSeq: number, nowMs: number): void {
  sql.exec("DELETE FROM hints WHERE incident_id = ?", hint.incidentId);
  const [later] = sql.exec(
    `SELECT seq FROM journal WHERE incident_id = ? AND seq > ? AND ${WAITING} ORDER BY seq LIMIT 1`,
    hint.incidentId,
    lastSeq,
  );
  if (later) addHint(sql, hint.incidentId, z.object({ seq: z.number() }).parse(later).seq, nowMs);
}

/** Not read back, or not yet all that it is about: tried again later, from `firstSeq` on. */
export function deferHint(sql: SqlStorage, hint: Hint, firstSeq: number, atMs: number): void {
  sql.exec(
    "UPDATE hints SET first_seq = ?, due_at_ms = ?, attempts = attempts + 1 WHERE incident_id = ?",
    firstSeq,
    atMs,
    hint.incidentId,
  );
}

/** All hints are due now: a credential came that may do better. */
export function hurryHints(sql: SqlStorage, nowMs: number): void {
  endPause(sql);
  sql.exec("UPDATE hints SET due_at_ms = ? WHERE due_at_ms > ?", nowMs, nowMs);
}
