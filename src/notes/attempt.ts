import type { ApiAnswer } from "../pagerduty/api.ts";
import type { WrittenNote } from "../pagerduty/context.ts";
import { scheduledAtMs } from "../retry-timing.ts";
import type { Note } from "../storage/notes.ts";

/** The states of a note before and after an attempt. Pure: clock and random number are arguments. */

/** After a day, a note about an incident no longer helps. */
const GIVE_UP_AFTER_MS = 24 * 3600 * 1000;
/**
 * The wait before a retry if the object stopped during an attempt. It is longer than any attempt, because an attempt
 * makes at most two calls to PagerDuty.
 */
const CUT_SHORT_MS = 60_000;

type NoteAnswer = ApiAnswer<WrittenNote> | { ok: false; problem: "not_connected" };

export const NO_WRITE_ACCESS =
  "PagerDuty does not let this credential write notes. Connect with a credential that may write incidents.";

/** Returns the note during an attempt. It is `doubtful`: if the object stops now, PagerDuty may have the note. */
export function attempting(note: Note, nowMs: number): Note {
  return { ...note, doubtful: 1, nextAttemptAtMs: nowMs + CUT_SHORT_MS };
}

function written(note: Note, pagerdutyId: string | null, nowMs: number): Note {
  return {
    ...note,
    state: "written",
    attempts: note.attempts + 1,
    nextAttemptAtMs: null,
    pagerdutyId,
    writtenAtMs: nowMs,
    error: null,
  };
}

/** Returns the note after an attempt. */
export function afterAttempt(
  before: Note,
  answer: NoteAnswer,
  schedule: readonly number[],
  nowMs: number,
  random: number,
): Note {
  if (answer.ok) return written(before, answer.value.id, nowMs);
  const attempted = { ...before, attempts: before.attempts + 1 };
  const failed = (error: string): Note => ({ ...attempted, state: "failed", nextAttemptAtMs: null, error });
  switch (answer.problem) {
    case "forbidden":
      return failed(NO_WRITE_ACCESS);
    case "not_found":
      return failed("PagerDuty has no such incident, or does not let this credential see it.");
    case "not_in_plan":
      return failed("The plan of the PagerDuty account does not include notes over the API.");
    case "bad_request":
      return failed(`PagerDuty refuses the note: ${answer.message}`);
    case "unauthorized":
      return retried(attempted, "PagerDuty refuses the credential", null);
    case "not_connected":
      return retried(attempted, "PagerDuty was disconnected while the note was written", null);
    case "rate_limited":
      return retried(attempted, "PagerDuty limits the rate of our calls", answer.retryAfterSeconds);
    case "unavailable":
      // PagerDuty may have written the note although the call failed.
      return retried({ ...attempted, doubtful: 1 }, answer.reason, null);
  }

  function retried(note: Note, error: string, retryAfterSeconds: number | null): Note {
    const atMs = scheduledAtMs(schedule, note.attempts, retryAfterSeconds, nowMs, random);
    if (atMs === null || atMs > note.createdAtMs + GIVE_UP_AFTER_MS) return failed(error);
    return { ...note, state: "pending", nextAttemptAtMs: atMs, error };
  }
}
