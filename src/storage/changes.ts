import * as z from "zod/mini";
import { COLUMNS, Entry } from "./journal.ts";

/** What became different in the journal, for those who watch it. Every answer is bounded. */

/** The place of the newest entry; 0 where there is none. */
export function newestSeq(sql: SqlStorage): number {
  const [row] = sql.exec("SELECT max(seq) AS seq FROM journal");
  return z.object({ seq: z.nullable(z.number()) }).parse(row).seq ?? 0;
}

/** The entries behind `seq`, oldest first. */
export function entriesAfter(sql: SqlStorage, seq: number, limit: number): Entry[] {
  const rows = sql.exec(`SELECT ${COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit);
  return [...rows].map((row) => Entry.parse(row));
}

/** One entry by its place; null when it was pruned. */
export function entryAt(sql: SqlStorage, seq: number): Entry | null {
  const [row] = sql.exec(`SELECT ${COLUMNS} FROM journal WHERE seq = ?`, seq);
  return row ? Entry.parse(row) : null;
}

const Outstanding = z.object({ seq: z.number(), mark: z.string() });

/** Deliveries that are not finished, those due first, each with a mark that changes with it. */
export function outstandingMarks(sql: SqlStorage, limit: number): Map<number, string> {
  const rows = sql.exec(
    `SELECT seq, delivery || ' ' || attempts AS mark FROM journal
     WHERE delivery IN ('pending', 'queued') ORDER BY delivery, next_attempt_at_ms LIMIT ?`,
    limit,
  );
  return new Map([...rows].map((row) => Outstanding.parse(row)).map(({ seq, mark }) => [seq, mark]));
}
