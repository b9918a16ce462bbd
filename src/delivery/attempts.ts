import * as z from "zod/mini";
import { firstChars } from "../incidents/text.ts";

/**
 * The `attempts` table: one row for each failed attempt at a delivery. A successful attempt is only stored in the
 * delivery's journal row.
 */

export const FailedAttempt = z.object({
  atMs: z.number(),
  /** The status of Aurora's answer; null if there was no answer. */
  status: z.nullable(z.number()),
  /** The start of Aurora's answer. If Aurora did not answer, the reason. */
  answer: z.string(),
  durationMs: z.number(),
  /**
   * Whether the attempt was made before its planned time, because Aurora accepted another delivery or because a person
   * requested the attempt.
   */
  early: z.boolean(),
});
export type FailedAttempt = z.infer<typeof FailedAttempt>;

const MAX_ANSWER_CHARS = 1000;
/**
 * At most this many of the newest attempts are returned. A schedule has at most 50 attempts; early attempts are
 * additional.
 */
const MAX_ATTEMPTS = 100;

export function recordFailedAttempt(sql: SqlStorage, seq: number, attempt: FailedAttempt): void {
  sql.exec(
    `INSERT OR REPLACE INTO attempts (seq, at_ms, status, answer, duration_ms, early) VALUES (?, ?, ?, ?, ?, ?)`,
    seq,
    attempt.atMs,
    attempt.status,
    firstChars(attempt.answer, MAX_ANSWER_CHARS),
    attempt.durationMs,
    attempt.early ? 1 : 0,
  );
}

/** Returns the failed attempts at one delivery, oldest first. */
export function failedAttempts(sql: SqlStorage, seq: number): FailedAttempt[] {
  const rows = sql.exec(
    `SELECT at_ms AS atMs, status, answer, duration_ms AS durationMs, early FROM attempts
     WHERE seq = ? ORDER BY at_ms DESC LIMIT ${MAX_ATTEMPTS}`,
    seq,
  );
  return [...rows].map((row) => FailedAttempt.parse({ ...row, early: row["early"] === 1 })).reverse();
}
