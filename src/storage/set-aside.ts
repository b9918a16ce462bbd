import * as z from "zod/mini";
import { describe, log } from "../log.ts";
import { columnOf } from "./columns.ts";

/**
 * The `set_aside` table: incidents that could not be processed, because of a fault in their stored row or in the
 * code. No analysis is due for such an incident, so it does not delay other incidents. The status reports these
 * incidents.
 */

/**
 * Runs `work`, and runs it a second time if it throws, because a storage error can be temporary.
 * @throws the error of the second run
 */
export async function tryTwice<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    log.warn("work.tried_again", { error: describe(error) });
    return work();
  }
}

/** Enough for a person to recognize the fault. The log has the whole error. */
const MAX_REASON_CHARS = 300;

export function setAside(sql: SqlStorage, incidentId: string, error: unknown, nowMs: number): void {
  const reason = describe(error);
  log.error("incident.set_aside", { incidentId, error: reason });
  sql.exec(
    "INSERT OR REPLACE INTO set_aside (incident_id, reason, at_ms) VALUES (?, substr(?, 1, ?), ?)",
    incidentId,
    reason.toWellFormed(),
    MAX_REASON_CHARS,
    nowMs,
  );
  sql.exec("UPDATE incidents SET analysis_due_at_ms = NULL, live = 0 WHERE incident_id = ?", incidentId);
}

export function setAsideIds(sql: SqlStorage): string[] {
  return columnOf(sql.exec("SELECT incident_id FROM set_aside"), z.string());
}

/** Call when the incident can be processed again. */
export function endSetAside(sql: SqlStorage, incidentId: string): void {
  sql.exec("DELETE FROM set_aside WHERE incident_id = ?", incidentId);
}

export function pruneSetAside(sql: SqlStorage, beforeMs: number): void {
  sql.exec("DELETE FROM set_aside WHERE at_ms < ?", beforeMs);
}

export const SetAsideSummary = z.object({
  count: z.number(),
  /** The incident that was set aside last; null if there is none. */
  incidentId: z.nullable(z.string()),
  reason: z.nullable(z.string()),
});
export type SetAsideSummary = z.infer<typeof SetAsideSummary>;

/**
 * Returns the summary for the status. Because of `max(at_ms)`, SQLite takes the other columns from the latest row.
 */
export function summarizeSetAside(sql: SqlStorage): SetAsideSummary {
  const [row] = sql.exec(
    "SELECT count(*) AS count, max(at_ms), incident_id AS incidentId, reason FROM set_aside",
  );
  return SetAsideSummary.parse(row);
}
