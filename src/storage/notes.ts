import * as z from "zod/mini";
import { columnOf, numberOf } from "./columns.ts";

/** The `notes` table: one row for each note that Aurora writes at PagerDuty. Times are in milliseconds. */

/** `failed`: the connector gave up; `error` says why. */
export const NoteState = z.enum(["pending", "written", "failed"]);
export type NoteState = z.infer<typeof NoteState>;

export const Note = z.lazy(() =>
  z.object({
    noteId: z.string(),
    incidentId: z.string(),
    createdAtMs: z.number(),
    userId: z.string(),
    /**
     * The e-mail address of the PagerDuty user in whose name the note is written; null for the credential's own user.
     */
    from: z.nullable(z.string()),
    /** A hash of the request; null without an idempotency key. */
    requestHash: z.nullable(z.string()),
    text: z.string(),
    state: NoteState,
    attempts: z.number(),
    /** The due time of the next attempt, while the note is pending. */
    nextAttemptAtMs: z.nullable(z.number()),
    /** 1 if PagerDuty may have the note, because the outcome of an attempt is unknown. */
    doubtful: z.number(),
    pagerdutyId: z.nullable(z.string()),
    writtenAtMs: z.nullable(z.number()),
    error: z.nullable(z.string()),
  }),
);
export type Note = z.infer<typeof Note>;

const COLUMNS = `note_id AS noteId, incident_id AS incidentId, created_at_ms AS createdAtMs, user_id AS userId,
  from_email AS "from", request_hash AS requestHash, text, state, attempts, next_attempt_at_ms AS nextAttemptAtMs, doubtful,
  pagerduty_id AS pagerdutyId, written_at_ms AS writtenAtMs, error`;

const one = (rows: Iterable<unknown>): Note | null => {
  const [row] = rows;
  return row ? Note.parse(row) : null;
};

export type NewNote = Pick<
  Note,
  "noteId" | "incidentId" | "createdAtMs" | "userId" | "from" | "requestHash" | "text"
> & { idempotencyKey: string | null };

/** Stores a new note. Its first attempt is due at once. */
export function insertNote(sql: SqlStorage, note: NewNote): void {
  sql.exec(
    `INSERT INTO notes (note_id, incident_id, created_at_ms, user_id, from_email, idempotency_key, request_hash, text,
       state, next_attempt_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?)`,
    note.noteId,
    note.incidentId,
    note.createdAtMs,
    note.userId,
    note.from,
    note.idempotencyKey,
    note.requestHash,
    note.text,
    note.createdAtMs,
  );
}

export const noteById = (sql: SqlStorage, noteId: string): Note | null =>
  one(sql.exec(`SELECT ${COLUMNS} FROM notes WHERE note_id = ?`, noteId));

export const noteByKey = (sql: SqlStorage, incidentId: string, idempotencyKey: string): Note | null =>
  one(
    sql.exec(
      `SELECT ${COLUMNS} FROM notes WHERE idempotency_key IS NOT NULL AND incident_id = ? AND idempotency_key = ?`,
      incidentId,
      idempotencyKey,
    ),
  );

type NoteChange = Pick<
  Note,
  "state" | "attempts" | "nextAttemptAtMs" | "doubtful" | "pagerdutyId" | "writtenAtMs" | "error"
>;

export function saveNote(sql: SqlStorage, note: Pick<Note, "noteId"> & NoteChange): void {
  sql.exec(
    `UPDATE notes SET state = ?, attempts = ?, next_attempt_at_ms = ?, doubtful = ?, pagerduty_id = ?, written_at_ms = ?,
       error = ? WHERE note_id = ?`,
    note.state,
    note.attempts,
    note.nextAttemptAtMs,
    note.doubtful,
    note.pagerdutyId,
    note.writtenAtMs,
    note.error,
    note.noteId,
  );
}

/** Makes a failed note pending again, as if it were requested now. */
export function restartNote(sql: SqlStorage, noteId: string, nowMs: number): void {
  sql.exec(
    `UPDATE notes SET state = 'pending', attempts = 0, next_attempt_at_ms = ?, created_at_ms = ?, error = NULL
     WHERE note_id = ?`,
    nowMs,
    nowMs,
    noteId,
  );
}

/** Finds the incident's other notes that have the same PagerDuty id as `note`. Clears their id, so they are pending again. */
export function reopenOthers(sql: SqlStorage, note: Note, nowMs: number): void {
  sql.exec(
    `UPDATE notes SET state = 'pending', pagerduty_id = NULL, written_at_ms = NULL, next_attempt_at_ms = ?
     WHERE incident_id = ? AND pagerduty_id = ? AND note_id <> ?`,
    nowMs,
    note.incidentId,
    note.pagerdutyId,
    note.noteId,
  );
}

export function removeNote(sql: SqlStorage, noteId: string): void {
  sql.exec("DELETE FROM notes WHERE note_id = ?", noteId);
}

/** Returns the ids of pending notes that are due, ordered by the time when they became due. */
export function dueNotes(sql: SqlStorage, nowMs: number, limit: number): string[] {
  const rows = sql.exec(
    `SELECT note_id FROM notes WHERE state = 'pending' AND next_attempt_at_ms <= ?
     ORDER BY next_attempt_at_ms LIMIT ?`,
    nowMs,
    limit,
  );
  return columnOf(rows, z.string());
}

/** Returns the next time after `afterMs` when a note is due; null if there is none. */
export function nextNoteAtMs(sql: SqlStorage, afterMs: number): number | null {
  const select =
    "SELECT min(next_attempt_at_ms) FROM notes WHERE state = 'pending' AND next_attempt_at_ms > ?";
  return numberOf(sql.exec(select, afterMs));
}

/**
 * Returns the times after `sinceMs` at which notes were requested, newest first.
 * @param incidentId null for all incidents
 */
export function noteTimes(
  sql: SqlStorage,
  incidentId: string | null,
  sinceMs: number,
  limit: number,
): number[] {
  const rows =
    incidentId === null
      ? sql.exec(
          "SELECT created_at_ms FROM notes WHERE created_at_ms > ? ORDER BY created_at_ms DESC LIMIT ?",
          sinceMs,
          limit,
        )
      : sql.exec(
          `SELECT created_at_ms FROM notes WHERE incident_id = ? AND created_at_ms > ?
           ORDER BY created_at_ms DESC LIMIT ?`,
          incidentId,
          sinceMs,
          limit,
        );
  return columnOf(rows, z.number());
}

/** The last note of the previous page. */
export const NoteCursor = z.object({ createdAtMs: z.number(), noteId: z.string() });
export type NoteCursor = z.infer<typeof NoteCursor>;

/**
 * Returns a page of an incident's notes, newest first. Contains one note more than `limit` if another page follows.
 */
export function listNotes(
  sql: SqlStorage,
  incidentId: string,
  { limit, after }: { limit: number; after: NoteCursor | null },
): Note[] {
  const { createdAtMs, noteId } = after ?? { createdAtMs: Number.MAX_SAFE_INTEGER, noteId: "" };
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM notes WHERE incident_id = ? AND (created_at_ms, note_id) < (?, ?)
     ORDER BY created_at_ms DESC, note_id DESC LIMIT ?`,
    incidentId,
    createdAtMs,
    noteId,
    limit + 1,
  );
  return [...rows].map((row) => Note.parse(row));
}

/** Returns PagerDuty's ids of the notes that the connector wrote on the incident. */
export function writtenIds(sql: SqlStorage, incidentId: string): Set<string> {
  const rows = sql.exec(
    "SELECT pagerduty_id FROM notes WHERE incident_id = ? AND pagerduty_id IS NOT NULL",
    incidentId,
  );
  return new Set(columnOf(rows, z.string()));
}

/** Returns the oldest doubtful note whose text `matches` accepts. PagerDuty may have this note under an unknown id. */
export function doubtfulNote(
  sql: SqlStorage,
  incidentId: string,
  matches: (text: string) => boolean,
): Note | null {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM notes WHERE incident_id = ? AND pagerduty_id IS NULL AND doubtful = 1
     ORDER BY created_at_ms, note_id`,
    incidentId,
  );
  for (const row of rows) {
    const note = Note.parse(row);
    if (matches(note.text)) return note;
  }
  return null;
}
