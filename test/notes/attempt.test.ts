import { expect, test } from "vitest";
import { afterAttempt, attempting } from "../../src/notes/attempt.ts";
import type { Note } from "../../src/storage/notes.ts";
import { isSameText } from "../../src/storage/own-notes.ts";

const SCHEDULE = [0, 5, 30, 86_400];
const NOW_MS = 1_000_000;
const NOTE: Note = {
  noteId: "n",
  incidentId: "P1",
  createdAtMs: NOW_MS,
  userId: "alice",
  from: null,
  requestHash: null,
  text: "Found it.",
  state: "pending",
  attempts: 0,
  nextAttemptAtMs: NOW_MS,
  doubtful: 0,
  pagerdutyId: null,
  writtenAtMs: null,
  error: null,
};
const refused = { ok: false as const };
type Answer = Parameters<typeof afterAttempt>[1];
const after = (answer: Answer, note: Partial<Note> = {}) =>
  afterAttempt({ ...NOTE, ...note }, answer, SCHEDULE, NOW_MS, 0);

test("a note that PagerDuty accepts gets the state `written` and PagerDuty's id", () => {
  const value = { id: "PN1", text: "Found it.", by: null, createdAt: null };
  expect(after({ ok: true, value })).toMatchObject({ state: "written", pagerdutyId: "PN1", attempts: 1 });
});

test.each<[Answer, string]>([
  [{ ...refused, problem: "forbidden" }, "does not let this credential write"],
  [{ ...refused, problem: "not_found" }, "no such incident"],
  [{ ...refused, problem: "not_in_plan" }, "plan"],
  [{ ...refused, problem: "bad_request", message: "too long" }, "too long"],
])("a note that PagerDuty refuses permanently is not tried again: %j", (answer, error) => {
  expect(after(answer)).toMatchObject({
    state: "failed",
    error: expect.stringContaining(error),
    nextAttemptAtMs: null,
  });
});

test("after a temporary failure a note waits for the schedule's delay or PagerDuty's delay, whichever is longer", () => {
  const unavailable: Answer = { ...refused, problem: "unavailable", reason: "PagerDuty answered 500" };
  expect(after(unavailable)).toMatchObject({ state: "pending", nextAttemptAtMs: NOW_MS + 5000, doubtful: 1 });
  const limited: Answer = { ...refused, problem: "rate_limited", retryAfterSeconds: 60 };
  expect(after(limited)).toMatchObject({ state: "pending", nextAttemptAtMs: NOW_MS + 60_000, doubtful: 0 });
  expect(after({ ...refused, problem: "unauthorized" })).toMatchObject({ state: "pending", doubtful: 0 });
  // After an attempt without a clear answer, a note stays in doubt (`doubtful` 1), even if the next answer is a 429.
  expect(after(limited, { doubtful: 1 })).toMatchObject({ doubtful: 1 });
});

test("a note is given up at the end of the schedule, or after a day", () => {
  const unavailable: Answer = { ...refused, problem: "unavailable", reason: "PagerDuty answered 500" };
  expect(after(unavailable, { attempts: 3 })).toMatchObject({
    state: "failed",
    error: "PagerDuty answered 500",
  });
  expect(after(unavailable, { attempts: 2, createdAtMs: NOW_MS - 1 })).toMatchObject({ state: "failed" });
  expect(after(unavailable, { attempts: 2 })).toMatchObject({ state: "pending" });
});

test("during an attempt a note is `doubtful`, and its next attempt is due in a minute", () => {
  expect(attempting(NOTE, NOW_MS)).toMatchObject({ doubtful: 1, nextAttemptAtMs: NOW_MS + 60_000 });
});

test.each([
  ["a\nb", "a\r\nb\n", false, true],
  ["a\nb", "a\nc", false, false],
  ["a long note", "a long...", true, true],
  ["a long note", "a long", false, false],
  ["a long note", "...", true, false],
])(
  "the note %j compared with PagerDuty's text %j (shortened: %j) counts as the same: %j",
  (ours, theirs, isTrimmed, same) => {
    expect(isSameText(ours, theirs, isTrimmed)).toBe(same);
  },
);
