import * as z from "zod/mini";
import type { Outcome } from "../incidents/incident.ts";
import { backoffMs } from "../retry-timing.ts";
import { numberOf } from "./columns.ts";
import { COLUMNS, Entry } from "./journal.ts";

/**
 * Keeps unsigned webhooks until they are checked over the REST API. A row of the `hints` table is called a hint. It
 * says that one incident has to be read from PagerDuty. All waiting webhooks of the incident share one hint. The
 * webhooks are `unconfirmed` journal entries. Their size and number are limited, because strangers can send unsigned
 * webhooks.
 */

/** `firstSeq` is the number of the oldest journal entry that the next reading of the incident checks. */
export const Hint = z.object({
  incidentId: z.string(),
  firstSeq: z.number(),
  attempts: z.number(),
});
export type Hint = z.infer<typeof Hint>;

/**
 * SQL conditions for unsigned webhooks. They repeat the conditions of partial indexes word for word, because otherwise
 * SQLite does not use these indexes.
 */
const WAITING = "outcome = 'unconfirmed' AND reason IS NULL";
const NOT_CONFIRMED = "outcome = 'unconfirmed' AND reason IS NOT NULL";
const CONFIRMED = "kind = 'webhook' AND verification = 'callback' AND outcome IN ('applied', 'stale')";

/** Adds a hint. Does nothing if the incident already has one. */
export function addHint(sql: SqlStorage, incidentId: string, seq: number, nowMs: number): void {
  sql.exec(
    `INSERT INTO hints (incident_id, first_seq, due_at_ms, attempts) VALUES (?, ?, ?, 0)
     ON CONFLICT (incident_id) DO NOTHING`,
    incidentId,
    seq,
    nowMs,
  );
}

/** Returns the hint that has been due for the longest; null if none is due, or while readings are paused. */
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

/**
 * Returns the next time after `afterMs` when a hint is due; null if there is none. During a pause, no hint is due
 * before the pause ends.
 */
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
 * Pauses all readings, because PagerDuty refuses every call for now.
 * @param pauseMs the length of the pause. If it is null, the pause lasts 5 s. Each further call before `endPause`
 * doubles the pause, up to 15 minutes
 */
export function pauseHints(sql: SqlStorage, nowMs: number, pauseMs: number | null): void {
  const attempts = (pauseOf(sql)?.attempts ?? 0) + 1;
  sql.exec(
    "INSERT OR REPLACE INTO hints_pause (id, until_at_ms, attempts) VALUES (1, ?, ?)",
    nowMs + (pauseMs ?? backoffMs(attempts, PAUSE)),
    attempts,
  );
}

/** Ends the pause. Called when PagerDuty answers again. */
export function endPause(sql: SqlStorage): void {
  sql.exec("DELETE FROM hints_pause");
}

/** Returns the unsigned webhooks that the reading for this hint checks, oldest first. */
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

/** Removes the hint. If webhooks after `lastSeq` still wait to be checked, adds a new hint for them. */
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

/** Marks the hint's webhooks as failed, because PagerDuty's answer cannot be processed. A person can retry them. */
export function failHint(sql: SqlStorage, hint: Hint, reason: string, nowMs: number): void {
  sql.exec(
    `UPDATE journal SET outcome = 'failed', reason = ? WHERE incident_id = ? AND seq >= ? AND ${WAITING}`,
    reason,
    hint.incidentId,
    hint.firstSeq,
  );
  finishHint(sql, hint, hint.firstSeq, nowMs);
}

/** Makes the hint due again at `atMs`. The reading at that time checks the webhooks from `firstSeq` on. */
export function deferHint(sql: SqlStorage, hint: Hint, firstSeq: number, atMs: number): void {
  sql.exec(
    "UPDATE hints SET first_seq = ?, due_at_ms = ?, attempts = attempts + 1 WHERE incident_id = ?",
    firstSeq,
    atMs,
    hint.incidentId,
  );
}

/** Makes all hints due now, because a new credential may be able to read more incidents. */
export function retryHintsEarly(sql: SqlStorage, nowMs: number): void {
  endPause(sql);
  sql.exec("UPDATE hints SET due_at_ms = ? WHERE due_at_ms > ?", nowMs, nowMs);
}

/** How much of an unsigned webhook's body is stored until it is checked. PagerDuty's usual events are smaller. */
export const MAX_CLAIM_BYTES = 16 * 1024;
/** How much of a body is stored after PagerDuty did not confirm it: enough for a person to recognize the event. */
export const MAX_UNCONFIRMED_BYTES = 4096;
/** How much of a body is stored after PagerDuty confirmed it. Most events are smaller. */
const MAX_CONFIRMED_BYTES = 8 * 1024;
/** How many confirmed entries are kept. Their bodies take at most 80 MB. A busy account fills this in several weeks. */
export const MAX_CONFIRMED_ENTRIES = 10_000;
/**
 * How many unconfirmed entries are kept. A stranger can post so many webhooks that all older entries are removed within
 * minutes.
 */
export const MAX_UNCONFIRMED_ENTRIES = 3000;

/** Stores that PagerDuty confirmed the entry. Does nothing if a signed webhook has replaced the entry. */
export function confirmEntry(sql: SqlStorage, seq: number, outcome: Outcome): void {
  sql.exec(
    `UPDATE journal SET outcome = ?, payload = substr(payload, 1, ?) WHERE seq = ? AND ${WAITING}`,
    outcome,
    MAX_CONFIRMED_BYTES,
    seq,
  );
}

/**
 * Stores why PagerDuty did not confirm the entry. Sets `shared` to null, because lists hide an unconfirmed entry with
 * `shared = 1`.
 */
export function leaveUnconfirmed(sql: SqlStorage, seq: number, reason: string): void {
  sql.exec(
    `UPDATE journal SET reason = ?, shared = NULL, payload = substr(payload, 1, ?) WHERE seq = ? AND ${WAITING}`,
    reason,
    MAX_UNCONFIRMED_BYTES,
    seq,
  );
}

/** The reason stored with an unsigned webhook if PagerDuty keeps answering 404 for its incident. */
export const NOT_VISIBLE = "PagerDuty knows no such incident, or does not show it to this credential";
/** How many of the newest unconfirmed entries `countNotVisible` searches. */
const RECENT = 500;

/** Counts the incidents that unsigned webhooks have named since `sinceMs`, and for which PagerDuty answers 404. */
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

/** The number of entries is only checked at every hundredth entry, because the limit need not be exact. */
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

/** Removes the oldest confirmed entries beyond the limit. @param seq the newest confirmed entry */
export const boundConfirmed = (sql: SqlStorage, seq: number): void =>
  bound(sql, CONFIRMED, MAX_CONFIRMED_ENTRIES, seq);

/** How many webhooks of one incident may wait. One reading of the incident checks all of them. */
export const MAX_WAITING_OF_INCIDENT = 20;
const Waiting = z.object({ seq: z.number(), incidentId: z.string() });

/**
 * Removes waiting webhooks beyond the limits. This incident keeps its oldest webhook and its newest 19 webhooks. All
 * stored incidents together keep the newest `MAX_UNCONFIRMED_ENTRIES` webhooks. All incidents that are not stored have
 * their own limit of the same size, because strangers can invent incidents.
 * @param seq the newest waiting entry, which belongs to this incident
 */
export function boundWaiting(sql: SqlStorage, incidentId: string, seq: number): void {
  sql.exec(
    `DELETE FROM journal WHERE seq IN (
       SELECT seq FROM journal WHERE incident_id = ?1 AND ${WAITING} ORDER BY seq DESC LIMIT -1 OFFSET ?2)
     AND seq <> (SELECT seq FROM journal WHERE incident_id = ?1 AND ${WAITING} ORDER BY seq LIMIT 1)`,
    incidentId,
    MAX_WAITING_OF_INCIDENT - 1,
  );
  if (seq % BOUND_EVERY !== 0) return;
  for (const isStored of ["NOT EXISTS", "EXISTS"]) {
    const excess = sql.exec(
      `SELECT seq, incident_id AS incidentId FROM journal INDEXED BY journal_waiting WHERE ${WAITING}
         AND ${isStored} (SELECT 1 FROM incidents WHERE incidents.incident_id = journal.incident_id)
       ORDER BY seq DESC LIMIT ? OFFSET ?`,
      BOUND_BATCH,
      MAX_UNCONFIRMED_ENTRIES,
    );
    for (const entry of [...excess]) stopWaiting(sql, Waiting.parse(entry));
  }
}

/** Removes a waiting entry. If no other webhook of the incident waits, also removes the incident's hint. */
export function stopWaiting(sql: SqlStorage, { seq, incidentId }: z.infer<typeof Waiting>): void {
  sql.exec("DELETE FROM journal WHERE seq = ?", seq);
  sql.exec(
    `DELETE FROM hints WHERE incident_id = ?1
       AND NOT EXISTS (SELECT 1 FROM journal WHERE incident_id = ?1 AND ${WAITING})`,
    incidentId,
  );
}

/**
 * Removes unconfirmed entries that arrived before `beforeMs`.
 * @returns how many rows SQLite wrote; call again until it is 0
 */
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
