import * as z from "zod/mini";
import type { Outcome } from "../incidents/incident.ts";
import { backoffMs } from "../retry-timing.ts";
import { numberOf } from "./columns.ts";
import { COLUMNS, Entry } from "./journal.ts";

/**
 * What unsigned webhooks leave in the storage. The `hints` table has one row for each incident that has to be read from
 * PagerDuty, however many webhooks point at the incident. The webhooks themselves are `unconfirmed` journal entries;
 * strangers can cause them, so their size and number are limited.
 */

/** The first webhook that the next reading answers is `firstSeq`. */
export const Hint = z.object({
  incidentId: z.string(),
  firstSeq: z.number(),
  attempts: z.number(),
});
export type Hint = z.infer<typeof Hint>;

/**
 * Conditions for unsigned webhooks that wait to be checked, and for those that PagerDuty did not confirm. SQLite uses
 * a partial index only where the query repeats the index's condition word for word.
 */
const WAITING = "outcome = 'unconfirmed' AND reason IS NULL";
const NOT_CONFIRMED = "outcome = 'unconfirmed' AND reason IS NOT NULL";
const CONFIRMED = "kind = 'webhook' AND verification = 'callback' AND outcome IN ('applied', 'stale')";

/** Does nothing where the incident already has a hint. */
export function addHint(sql: SqlStorage, incidentId: string, seq: number, nowMs: number): void {
  sql.exec(
    `INSERT INTO hints (incident_id, first_seq, due_at_ms, attempts) VALUES (?, ?, ?, 0)
     ON CONFLICT (incident_id) DO NOTHING`,
    incidentId,
    seq,
    nowMs,
  );
}

/** The hint that has been due for the longest; null when none is due, or while readings are paused. */
export function dueHint(sql: SqlStorage, nowMs: number): Hint | null {
  const [row] = sql.exec(
    `SELECT incident_id AS incidentId, first_seq AS firstSeq, attempts FROM hints
     WHERE due_at_ms <= ? AND NOT EXISTS (SELECT 1 FROM hints_pause WHERE id = 1 AND until_at_ms > ?)
     ORDER BY due_at_ms LIMIT 1`,
    nowMs,
    nowMs,
  );
  return row ? Hint.parse(row) : null;
}

/** When the next hint is due after `afterMs`, the pause included; null when none is. */
export function nextHintAtMs(sql: SqlStorage, afterMs: number): number | null {
  const untilMs = pauseOf(sql)?.untilMs ?? Number.NEGATIVE_INFINITY;
  const pauses = untilMs > afterMs;
  const from = pauses ? Number.NEGATIVE_INFINITY : afterMs;
  const at = numberOf(sql.exec("SELECT min(due_at_ms) FROM hints WHERE due_at_ms > ?", from));
  return at === null || !pauses ? at : Math.max(at, untilMs);
}

const Pause = z.object({ untilMs: z.number(), attempts: z.number() });

function pauseOf(sql: SqlStorage): z.infer<typeof Pause> | null {
  const [row] = sql.exec("SELECT until_at_ms AS untilMs, attempts FROM hints_pause WHERE id = 1");
  return row ? Pause.parse(row) : null;
}

const PAUSE = { firstMs: 5_000, maxMs: 15 * 60 * 1000 };

/**
 * Stops all readings for a while, because PagerDuty would refuse each of them.
 * @param pauseMs null where PagerDuty did not say how long: each pause in a row is then twice as long
 */
export function pauseHints(sql: SqlStorage, nowMs: number, pauseMs: number | null): void {
  const attempts = (pauseOf(sql)?.attempts ?? 0) + 1;
  sql.exec(
    "INSERT OR REPLACE INTO hints_pause (id, until_at_ms, attempts) VALUES (1, ?, ?)",
    nowMs + (pauseMs ?? backoffMs(attempts, PAUSE)),
    attempts,
  );
}

/** Called when PagerDuty answers again. */
export function endPause(sql: SqlStorage): void {
  sql.exec("DELETE FROM hints_pause");
}

/** The unsigned webhooks that wait for this hint's reading, oldest first. */
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

/** Removes the hint; where webhooks later than `lastSeq` wait, a new hint takes its place. */
export function finishHint(sql: SqlStorage, hint: Hint, lastSeq: number, nowMs: number): void {
  sql.exec("DELETE FROM hints WHERE incident_id = ?", hint.incidentId);
  const later = sql.exec(
    `SELECT seq FROM journal WHERE incident_id = ? AND seq > ? AND ${WAITING} ORDER BY seq LIMIT 1`,
    hint.incidentId,
    lastSeq,
  );
  const laterSeq = numberOf(later);
  if (laterSeq !== null) addHint(sql, hint.incidentId, laterSeq, nowMs);
}

/** The hint's reading cannot be processed: its webhooks are kept as failed, for a person to retry. */
export function failHint(sql: SqlStorage, hint: Hint, reason: string, nowMs: number): void {
  sql.exec(
    `UPDATE journal SET outcome = 'failed', reason = ? WHERE incident_id = ? AND seq >= ? AND ${WAITING}`,
    reason,
    hint.incidentId,
    hint.firstSeq,
  );
  finishHint(sql, hint, hint.firstSeq, nowMs);
}

/** Plans another reading at `atMs`, for the webhooks from `firstSeq` on. */
export function deferHint(sql: SqlStorage, hint: Hint, firstSeq: number, atMs: number): void {
  sql.exec(
    "UPDATE hints SET first_seq = ?, due_at_ms = ?, attempts = attempts + 1 WHERE incident_id = ?",
    firstSeq,
    atMs,
    hint.incidentId,
  );
}

/** Makes all hints due now: a new credential may read what the previous one could not. */
export function retryHintsEarly(sql: SqlStorage, nowMs: number): void {
  endPause(sql);
  sql.exec("UPDATE hints SET due_at_ms = ? WHERE due_at_ms > ?", nowMs, nowMs);
}

/** What is kept of a body until it is checked: larger than any usual event of PagerDuty's. */
export const MAX_CLAIM_BYTES = 16 * 1024;
/** What is kept of a body that was not confirmed: enough for a person to see what it was. */
export const MAX_UNCONFIRMED_BYTES = 4096;
/** What is kept of a body that was confirmed: most events whole. */
const MAX_CONFIRMED_BYTES = 8 * 1024;
/** How many entries are kept of those that were confirmed: weeks of a busy account, at most 80 MB. */
export const MAX_CONFIRMED_ENTRIES = 10_000;
/** How many such entries are kept: days of mistakes, minutes of a stranger's flood. */
export const MAX_UNCONFIRMED_ENTRIES = 3000;

/** PagerDuty confirms the entry. Leaves an entry alone that a signature has proved since. */
export function confirmEntry(sql: SqlStorage, seq: number, outcome: Outcome): void {
  sql.exec(
    `UPDATE journal SET outcome = ?, payload = substr(payload, 1, ?) WHERE seq = ? AND ${WAITING}`,
    outcome,
    MAX_CONFIRMED_BYTES,
    seq,
  );
}

/** PagerDuty did not confirm the entry, and is not asked again. Leaves an entry alone that a signature has proved since. */
export function leaveUnconfirmed(sql: SqlStorage, seq: number, reason: string): void {
  sql.exec(
    `UPDATE journal SET reason = ?, payload = substr(payload, 1, ?) WHERE seq = ? AND ${WAITING}`,
    reason,
    MAX_UNCONFIRMED_BYTES,
    seq,
  );
}

/** The reason of an unsigned webhook whose incident PagerDuty answers with 404 for good. */
export const NOT_VISIBLE = "PagerDuty knows no such incident, or does not show it to this credential";
/** How many of the newest unconfirmed entries are searched for such incidents. */
const RECENT = 500;

/** How many incidents unsigned webhooks named since `sinceMs` that PagerDuty does not show. */
export function countNotVisible(sql: SqlStorage, sinceMs: number): number {
  const rows = sql.exec(
    `SELECT count(DISTINCT incident_id) FROM (
       SELECT incident_id, reason, received_at_ms FROM journal WHERE ${NOT_CONFIRMED} ORDER BY seq DESC LIMIT ${RECENT})
     WHERE reason = ? AND received_at_ms > ?`,
    NOT_VISIBLE,
    sinceMs,
  );
  return numberOf(rows) ?? 0;
}

/** The number of entries is checked with every hundredth entry only: the limit need not be exact. */
const BOUND_EVERY = 100;
const BOUND_BATCH = 1000;

function bound(sql: SqlStorage, condition: string, max: number, seq: number): void {
  if (seq % BOUND_EVERY !== 0) return;
  sql.exec(
    `DELETE FROM journal WHERE seq IN (
       SELECT seq FROM journal WHERE ${condition} ORDER BY seq DESC LIMIT ? OFFSET ?)`,
    BOUND_BATCH,
    max,
  );
}

/** Removes the oldest unconfirmed entries beyond the limit. @param seq the newest unconfirmed entry */
export const boundUnconfirmed = (sql: SqlStorage, seq: number): void =>
  bound(sql, NOT_CONFIRMED, MAX_UNCONFIRMED_ENTRIES, seq);

/** Removes the oldest confirmed unsigned entries beyond the limit. @param seq the newest of them */
export const boundConfirmed = (sql: SqlStorage, seq: number): void =>
  bound(sql, CONFIRMED, MAX_CONFIRMED_ENTRIES, seq);

/** Removes unconfirmed entries that arrived before `beforeMs`. @returns how many; call again until none */
export function pruneUnconfirmed(sql: SqlStorage, beforeMs: number, limit: number): number {
  const prune = (condition: string) =>
    sql.exec(
      `DELETE FROM journal WHERE seq IN (
         SELECT seq FROM journal WHERE ${condition} AND received_at_ms < ? LIMIT ?)`,
      beforeMs,
      limit,
    ).rowsWritten;
  return prune(NOT_CONFIRMED) + prune(WAITING);
}
