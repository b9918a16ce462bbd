import type { Outcome } from "../incidents/incident.ts";

/**
 * Entries of the journal that no signature proves: those that wait for their read-back, and those that PagerDuty did
 * not confirm. Strangers can make them, so they are cut and counted.
 */

/**
 * Unsigned webhooks that wait for their read-back, and those that it did not confirm: the conditions of two
 * indexes, which SQLite takes only where a query repeats them word for word.
 */
export const WAITING = "outcome = 'unconfirmed' AND reason IS NULL";
const NOT_CONFIRMED = "outcome = 'unconfirmed' AND reason IS NOT NULL";

/** Of a body that waits for its read-back: as much as any event of PagerDuty's that is not out of the ordinary. */
export const MAX_CLAIM_BYTES = 16 * 1024;

/** PagerDuty says what a waiting webhook claims. One that was proved meanwhile is left as it is. */
export function confirmEntry(sql: SqlStorage, seq: number, outcome: Outcome): void {
  sql.exec(
    `UPDATE journal SET outcome = ?, payload = substr(payload, 1, ?) WHERE seq = ? AND ${WAITING}`,
    outcome,
    MAX_CLAIM_BYTES,
    seq,
  );
}

/** Of what nobody vouches for, as much as a person needs to see what it was: strangers must not fill the storage. */
export const MAX_UNCONFIRMED_BYTES = 4096;
/** Days of what comes by mistake, minutes of a stranger's flood. */
export const MAX_UNCONFIRMED_ENTRIES = 3000;

/** What a read-back did not confirm and never will. One that was proved meanwhile is left as it is. */
export function leaveUnconfirmed(sql: SqlStorage, seq: number, reason: string): void {
  sql.exec(
    `UPDATE journal SET reason = ?, payload = substr(payload, 1, ?) WHERE seq = ? AND ${WAITING}`,
    reason,
    MAX_UNCONFIRMED_BYTES,
    seq,
  );
}

/** It is looked at with every hundredth entry: the bound need not be exact. */
const BOUND_EVERY = 100;
const BOUND_BATCH = 1000;

/** Removes what was not confirmed, beyond the newest. @param seq the entry that is unconfirmed now */
export function boundUnconfirmed(sql: SqlStorage, seq: number): void {
  if (seq % BOUND_EVERY !== 0) return;
  sql.exec(
    `DELETE FROM journal WHERE seq IN (
       SELECT seq FROM journal WHERE ${NOT_CONFIRMED} ORDER BY seq DESC LIMIT ? OFFSET ?)`,
    BOUND_BATCH,
    MAX_UNCONFIRMED_ENTRIES,
  );
}

/** Removes what was not confirmed and arrived before `beforeMs`. @returns how many; call again until none */
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
