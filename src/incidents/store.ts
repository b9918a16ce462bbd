import * as z from "zod";
import { emptyIncident, view } from "./fold.ts";
import { type Incident, IncidentState, Severity } from "./incident.ts";

/** The `incidents` table: one row for each incident, its state as JSON. */

const Row = z.object({ state: z.string() });

const parseState = (row: unknown) => IncidentState.parse(JSON.parse(Row.parse(row).state));

/** The incident's state; empty when nothing is held of it. */
export function loadIncident(sql: SqlStorage, incidentId: string): IncidentState {
  const [row] = sql.exec("SELECT state FROM incidents WHERE incident_id = ?", incidentId);
  return row ? parseState(row) : emptyIncident(incidentId);
}

/** `live` marks what still needs us: not resolved, or its analysis not yet asked for. */
export function saveIncident(sql: SqlStorage, state: IncidentState, nowMs: number): void {
  const seen = view(state);
  const dueAtMs = state.analysis.state === "waiting" ? state.analysis.dueAtMs : null;
  const live = (seen !== null && seen.status !== "resolved") || dueAtMs !== null ? 1 : 0;
  const createdAtMs = seen?.startedAt ? Date.parse(seen.startedAt) : nowMs;
  sql.exec(
    `INSERT INTO incidents (incident_id, created_at_ms, updated_at_ms, status, live, analysis_due_at_ms,
       severity_rank, state)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (incident_id) DO UPDATE SET
       created_at_ms = excluded.created_at_ms, updated_at_ms = excluded.updated_at_ms,
       status = excluded.status, live = excluded.live,
       analysis_due_at_ms = excluded.analysis_due_at_ms, severity_rank = excluded.severity_rank,
       state = excluded.state`,
    state.incidentId,
    createdAtMs,
    nowMs,
    seen?.status ?? null,
    live,
    dueAtMs,
    seen ? Severity.options.indexOf(seen.severity) : Severity.options.length,
    JSON.stringify(state),
  );
}

/** Where a list goes on: behind this incident. */
export const IncidentCursor = z.object({ createdAtMs: z.number(), incidentId: z.string() });
export type IncidentCursor = z.infer<typeof IncidentCursor>;

/** Incidents newest first, one more than `limit` at the most so that the caller sees whether there are more. */
export function listIncidents(
  sql: SqlStorage,
  filter: { status: "investigating" | "resolved" | null; limit: number; after: IncidentCursor | null },
): { incident: Incident; cursor: IncidentCursor }[] {
  const after = filter.after ?? { createdAtMs: Number.MAX_SAFE_INTEGER, incidentId: "" };
  const rows = sql.exec(
    `SELECT state, created_at_ms AS createdAtMs, incident_id AS incidentId FROM incidents
     WHERE (created_at_ms, incident_id) < (?, ?) AND status IS NOT NULL AND (? IS NULL OR status = ?)
     ORDER BY created_at_ms DESC, incident_id DESC LIMIT ?`,
    after.createdAtMs,
    after.incidentId,
    filter.status,
    filter.status,
    filter.limit + 1,
  );
  return [...rows].flatMap((row) => {
    const incident = view(parseState(row));
    return incident ? [{ incident, cursor: IncidentCursor.parse(row) }] : [];
  });
}

/** The incidents that still need us. */
export function liveIncidents(sql: SqlStorage): IncidentState[] {
  return [...sql.exec("SELECT state FROM incidents WHERE live = 1")].map(parseState);
}

/** Incidents whose wait for a runbook is over: the most severe first, and of those the longest over. */
export function analysesDue(sql: SqlStorage, nowMs: number, limit: number): IncidentState[] {
  const rows = sql.exec(
    `SELECT state FROM incidents WHERE analysis_due_at_ms IS NOT NULL AND analysis_due_at_ms <= ?
     ORDER BY severity_rank, analysis_due_at_ms LIMIT ?`,
    nowMs,
    limit,
  );
  return [...rows].map(parseState);
}

/** When the next wait for a runbook is over, of those that are over after `afterMs`; null when none is. */
export function nextAnalysisAtMs(sql: SqlStorage, afterMs: number): number | null {
  const [row] = sql.exec(
    `SELECT min(analysis_due_at_ms) AS at FROM incidents
     WHERE analysis_due_at_ms IS NOT NULL AND analysis_due_at_ms > ?`,
    afterMs,
  );
  return z.object({ at: z.nullable(z.number()) }).parse(row).at;
}

/** Removes incidents that need nothing and have not changed since `beforeMs`. @returns how many */
export function pruneIncidents(sql: SqlStorage, beforeMs: number): number {
  return sql.exec("DELETE FROM incidents WHERE live = 0 AND updated_at_ms < ?", beforeMs).rowsWritten;
}
