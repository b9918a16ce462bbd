import { doubtfulNote, saveNote, writtenIds } from "./notes.ts";

/** Recognises the notes that we wrote among those of PagerDuty. */

/** PagerDuty may change the ends of lines and of the text. */
const comparable = (text: string): string => text.replace(/\r\n?/g, "\n").trim();

/** Whether PagerDuty's text is the note's. @param isTrimmed whether PagerDuty sent only the start of it */
export function isSameText(ours: string, theirs: string, isTrimmed = false): boolean {
  const [own, other] = [comparable(ours), comparable(theirs)];
  if (!isTrimmed) return own === other;
  const start = other.replace(/(\.{3}|…)$/, "");
  return start !== "" && own.startsWith(start);
}

/** A note as PagerDuty's webhook tells of it. */
export interface AnnotatedNote {
  id: string | null;
  text: string;
  isTrimmed: boolean;
}

/**
 * Whether we wrote the note: by its id, or by its text while PagerDuty's id is unknown. Then the id is kept, and a note
 * that was still to be written is written.
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
    nextAttemptAtMs: null,
    pagerdutyId: id,
    writtenAtMs: note.writtenAtMs ?? nowMs,
    error: null,
  });
  return true;
}
