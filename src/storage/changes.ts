import * as z from "zod/mini";
import { COLUMNS, type Entry, readableEntry } from "./journal.ts";

/** Changes of the journal, for open consoles. Every answer is bounded. */

/** The entries behind `seq`, oldest first. */
export function entriesAfter(sql: SqlStorage, seq: number, limit: number): Entry[] {
  const rows = sql.exec(`SELECT ${COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit);
  return [...rows].flatMap((row) => readableEntry(row) ?? []);
}

const Outstanding = z.object({ seq: z.number(), mark: z.string() });

/** Pending deliveries in the order in which they are due, each with a mark that changes with its state. */
export function outstandingMarks(sql: SqlStorage, limit: number): Map<number, string> {
  const rows = sql.exec(
    `SELECT seq, 'pending ' || attempts AS mark FROM journal WHERE delivery = 'pending'
     ORDER BY lane, next_attempt_at_ms LIMIT ?`,
    limit,
  );
  return new Map([...rows].map((row) => Outstanding.parse(row)).map(({ seq, mark }) => [seq, mark]));
}
