import { newestSeq } from "./journal.ts";

/** Removes rows older than RETENTION_DAYS, one batch at a time. */

const FINISHED = "(delivery IS NULL OR delivery IN ('delivered', 'dead'))";

/**
 * Removes finished entries that arrived before `beforeMs`.
 * @returns how many rows SQLite wrote; call again until it is 0
 */
export function pruneEntries(sql: SqlStorage, beforeMs: number, limit: number): number {
  const newest = newestSeq(sql);
  const { rowsWritten } = sql.exec(
    `DELETE FROM journal WHERE seq IN (
       SELECT seq FROM (SELECT seq, received_at_ms, delivery FROM journal ORDER BY seq LIMIT ?)
       WHERE received_at_ms < ? AND ${FINISHED})`,
    limit,
    beforeMs,
  );
  if (newestSeq(sql) < newest) {
    sql.exec("INSERT INTO pruned VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET newest_seq = ?1", newest);
  }
  sql.exec("DELETE FROM attempts WHERE seq < coalesce((SELECT min(seq) FROM journal), ?)", newest + 1);
  return rowsWritten;
}

/**
 * Removes the payloads of up to `limit` finished entries, starting with the oldest.
 * @returns how many rows SQLite wrote
 */
export function dropOldestPayloads(sql: SqlStorage, limit: number): number {
  return sql.exec(
    `UPDATE journal SET payload = NULL WHERE seq IN (
       SELECT seq FROM journal WHERE payload IS NOT NULL AND ${FINISHED}
       ORDER BY seq LIMIT ?)`,
    limit,
  ).rowsWritten;
}

/**
 * Removes finished incidents that have not changed since `beforeMs`. Also removes their contexts and notes. An incident
 * is finished if `live` is 0, all its deliveries are finished, and none of its notes is pending. A new note counts as
 * a change.
 * @returns how many rows SQLite wrote in `incidents`; call again until it is 0
 */
export function pruneIncidents(sql: SqlStorage, beforeMs: number, limit: number): number {
  const remove = (table: string) =>
    sql.exec(
      `DELETE FROM ${table} WHERE incident_id IN (
         SELECT incident_id FROM incidents WHERE created_at_ms < ? AND live = 0 AND updated_at_ms < ?
           AND NOT EXISTS (SELECT 1 FROM journal WHERE journal.incident_id = incidents.incident_id
             AND delivery IN ('pending', 'queued'))
           AND NOT EXISTS (SELECT 1 FROM notes WHERE notes.incident_id = incidents.incident_id
             AND (notes.created_at_ms >= ? OR state = 'pending'))
         ORDER BY created_at_ms LIMIT ?)`,
      beforeMs,
      beforeMs,
      beforeMs,
      limit,
    ).rowsWritten;
  remove("contexts");
  remove("notes");
  return remove("incidents");
}
