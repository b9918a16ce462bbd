import { doubtfulNote, saveNote, writtenIds } from "./notes.ts";

/** Recognizes the connector's own notes among the notes that PagerDuty sends. */

/** Unifies line ends and removes outer white space, because PagerDuty may change both. */
const comparable = (text: string): string => text.replace(/\r\n?/g, "\n").trim();

/** Whether PagerDuty's text is the text of our note. @param isTrimmed whether PagerDuty sent only the text's start */
export function isSameText(ours: string, theirs: string, isTrimmed = false): boolean {
  const [own, other] = [comparable(ours), comparable(theirs)];
  if (!isTrimmed) return own === other;
  const start = other.replace(/(\.{3}|…)$/, "");
  return start !== "" && own.startsWith(start);
}

/** Returns `notes` without the connector's own notes. Recognizes a note by its PagerDuty id. */
export function notesOfOthers<T extends { id: string | null }>(
  sql: SqlStorage,
  incidentId: string,
  notes: readonly T[],
): T[] {
  const ours = writtenIds(sql, incidentId);
  return notes.filter(({ id }) => id === null || !ours.has(id));
}

/** A note in PagerDuty's webhook. */
export interface AnnotatedNote {
  id: string | null;
  text: string;
  isTrimmed: boolean;
}

/**
 * Whether the connector wrote the note. First looks for the id among the connector's notes. Then looks for the text
 * among the doubtful notes, whose id at PagerDuty is unknown. If a text matches, stores the id and marks the doubtful
 * note as written.
 */
export function isOwnNote(
  sql: SqlStorage,
  incidentId: string,
  theirs: AnnotatedNote,
  nowMs: number,
): boolean {
  const { id, text, isTrimmed } = theirs;
  if (id !== null && writtenIds(sql, incidentId).has(id)) return true;
  const note = doubtfulNote(sql, incidentId, (ours) => isSameText(ours, text, isTrimmed));
  if (!note) return false;
  saveNote(sql, {
    ...note,
    state: "written",
    // If the webhook arrives before PagerDuty's answer, the first attempt has not been counted yet.
    attempts: Math.max(1, note.attempts),
    nextAttemptAtMs: null,
    pagerdutyId: id,
    writtenAtMs: note.writtenAtMs ?? nowMs,
    error: null,
  });
  return true;
}
