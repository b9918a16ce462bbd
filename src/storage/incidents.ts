import * as z from "zod/mini";
import { emptyIncident, statusOf } from "../incidents/fold.ts";
import { IncidentState, Severity } from "../incidents/incident.ts";
import type { Held } from "../incidents/rest-stamp.ts";
import { describe, log } from "../log.ts";
import { columnOf, numberOf } from "./columns.ts";
import { endSetAside, setAside, setAsideIds } from "./set-aside.ts";

/** The `incidents` table: one row for each incident, with the incident's state as JSON. */

const Row = z.object({ state: z.string() });
const StoredAt = z.object({ storedAtMs: z.number() });

/** @throws {Error} with a message for a person */
function parseState(row: unknown): IncidentState {
  const parsed = IncidentState.safeParse(parsedJson(Row.parse(row).state));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`its stored state cannot be read at "${issue?.path.join(".") ?? ""}"`);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Returns the incident's state; an empty state if the incident is not stored. */
export const loadIncident = (sql: SqlStorage, incidentId: string): IncidentState =>
  loadHeld(sql, incidentId).state;

/** Returns the incident's state. If its row cannot be read, logs an error and returns null instead of throwing. */
export function readableIncident(sql: SqlStorage, incidentId: string): IncidentState | null {
  try {
    return loadIncident(sql, incidentId);
  } catch (error) {
    log.error("incident.unreadable", { incidentId, error: describe(error) });
    return null;
  }
}

/** Returns the incident's state, and when it was last stored. */
export function loadHeld(sql: SqlStorage, incidentId: string): Held {
  const [row] = sql.exec(
    "SELECT state, updated_at_ms AS storedAtMs FROM incidents WHERE incident_id = ?",
    incidentId,
  );
  if (!row) return { state: emptyIncident(incidentId), storedAtMs: null };
  return { state: parseState(row), ...StoredAt.parse(row) };
}

/**
 * Every value of `severity_rank`. Queries for waiting analyses list all ranks, because the index starts with the rank.
 * Without this list, SQLite reads every waiting analysis.
 */
export const RANKS = [...Severity.options.keys(), Severity.options.length];

/** Computes the columns by which lists and the alarm find incidents. */
function columnsOf(state: IncidentState, nowMs: number) {
  const { snapshot, analysis } = state;
  const status = snapshot && statusOf(snapshot);
  const dueAtMs = analysis.state === "waiting" ? analysis.dueAtMs : null;
  return {
    createdAtMs: snapshot?.createdAt ? Date.parse(snapshot.createdAt) : nowMs,
    status,
    dueAtMs,
    severityRank: snapshot ? Severity.options.indexOf(snapshot.severity) : Severity.options.length,
    /** 1 if the incident is open, or if its analysis waits to be requested; otherwise 0. */
    live: status === "investigating" || dueAtMs !== null ? 1 : 0,
  };
}

/** The columns that lists show and search. They have no index, so writing them costs nothing extra. */
const listedOf = ({ snapshot, number }: IncidentState): [column: string, value: SqlStorageValue][] => [
  ["number", number],
  ["title", snapshot?.title ?? null],
  ["service_id", snapshot?.service.id ?? null],
  ["service_name", snapshot?.service.name ?? null],
  ["pagerduty_status", snapshot?.pagerdutyStatus ?? null],
];

/**
 * Writes the incident. If an UPDATE names a column of an index, SQLite writes an index entry, even for the same value.
 * Each index entry is billed, so this UPDATE names the columns of an index only if one of them changes.
 * @param before the state from which `after` was made
 * @param lastDeliverySeq the entry number of the incident's delivery that was just appended; null if none was appended
 */
export function saveIncident(
  sql: SqlStorage,
  before: IncidentState,
  after: IncidentState,
  nowMs: number,
  lastDeliverySeq: number | null = null,
): void {
  const id = after.incidentId;
  const was = columnsOf(before, nowMs);
  const is = columnsOf(after, nowMs);
  const always: [column: string, value: SqlStorageValue][] = [
    ["updated_at_ms", nowMs],
    ["status", is.status],
    ["state", JSON.stringify(after)],
    ...listedOf(after),
  ];
  const changes = [...always];
  if (lastDeliverySeq !== null) changes.push(["last_delivery_seq", lastDeliverySeq]);
  if (was.live !== is.live) changes.push(["live", is.live]);
  if (was.dueAtMs !== is.dueAtMs || was.severityRank !== is.severityRank) {
    changes.push(["analysis_due_at_ms", is.dueAtMs], ["severity_rank", is.severityRank]);
  }
  if (was.createdAtMs !== is.createdAtMs || (before.snapshot === null && after.snapshot !== null)) {
    changes.push(["created_at_ms", is.createdAtMs]);
  }
  const { rowsWritten } = sql.exec(
    `UPDATE incidents SET ${changes.map(([column]) => `${column} = ?`).join(", ")} WHERE incident_id = ?`,
    ...changes.map(([, value]) => value),
    id,
  );
  if (rowsWritten === 0) {
    const row: [column: string, value: SqlStorageValue][] = [
      ["incident_id", id],
      ["created_at_ms", is.createdAtMs],
      ["live", is.live],
      ["analysis_due_at_ms", is.dueAtMs],
      ["severity_rank", is.severityRank],
      ["last_delivery_seq", lastDeliverySeq],
      ...always,
    ];
    sql.exec(
      `INSERT INTO incidents (${row.map(([column]) => column).join(", ")}) VALUES (${row.map(() => "?").join(", ")})`,
      ...row.map(([, value]) => value),
    );
  }
}

/** Stores an incident's number, which was read from PagerDuty because no event contained it. */
export function saveNumber(sql: SqlStorage, incidentId: string, number: number, nowMs: number): void {
  const state = loadIncident(sql, incidentId);
  saveIncident(sql, state, { ...state, number }, nowMs);
}

/**
 * Stores the user whom the incident's later deliveries name. Null: each delivery names the user who is connected at
 * that time. Does nothing if the incident cannot be read.
 */
export function saveRecipient(sql: SqlStorage, incidentId: string, userId: string | null): void {
  const state = readableIncident(sql, incidentId);
  if (!state) return;
  const text = JSON.stringify({ ...state, recipientUserId: userId });
  sql.exec("UPDATE incidents SET state = ? WHERE incident_id = ?", text, incidentId);
}

/** Returns the next id after `after`, among the incidents with `live = 1`; null if there is none. */
export function nextLiveIncidentId(sql: SqlStorage, after: string): string | null {
  const rows = sql.exec(
    "SELECT incident_id FROM incidents WHERE live = 1 AND incident_id > ? ORDER BY incident_id LIMIT 1",
    after,
  );
  const [id = null] = columnOf(rows, z.string());
  return id;
}

/**
 * Returns incidents whose analysis is due, sorted by severity, then by due time. Sets an incident aside (see
 * set-aside.ts) if its row cannot be read.
 * @param contextWaitMs how long a due analysis waits for the incident's context
 */
export function analysesDue(
  sql: SqlStorage,
  nowMs: number,
  limit: number,
  contextWaitMs = 0,
): IncidentState[] {
  const rows = sql.exec(
    `SELECT state, incident_id AS incidentId FROM incidents
     WHERE analysis_due_at_ms IS NOT NULL AND severity_rank IN (${RANKS.join()}) AND analysis_due_at_ms <= ?
       AND (analysis_due_at_ms <= ? OR EXISTS (
         SELECT 1 FROM contexts WHERE contexts.incident_id = incidents.incident_id))
     ORDER BY severity_rank, analysis_due_at_ms LIMIT ?`,
    nowMs,
    nowMs - contextWaitMs,
    limit,
  );
  return [...rows].flatMap((row) => {
    try {
      return [parseState(row)];
    } catch (error) {
      setAside(sql, String(row["incidentId"]), error, nowMs);
      return [];
    }
  });
}

/**
 * Returns the next time after `afterMs` when an analysis becomes due, or when its wait for a context ends; null if
 * there is none.
 * @param contextWaitMs see `analysesDue`
 */
export function nextAnalysisAtMs(sql: SqlStorage, afterMs: number, contextWaitMs = 0): number | null {
  const times = RANKS.flatMap((rank) => {
    const rows = sql.exec(
      `SELECT min(at) FROM (
         SELECT min(analysis_due_at_ms) AS at FROM incidents
         WHERE analysis_due_at_ms IS NOT NULL AND severity_rank = ?1 AND analysis_due_at_ms > ?2
         UNION ALL
         SELECT min(analysis_due_at_ms) + ?3 FROM incidents
         WHERE analysis_due_at_ms IS NOT NULL AND severity_rank = ?1 AND analysis_due_at_ms > ?2 - ?3
           AND NOT EXISTS (SELECT 1 FROM contexts WHERE contexts.incident_id = incidents.incident_id))`,
      rank,
      afterMs,
      contextWaitMs,
    );
    return numberOf(rows) ?? [];
  });
  return times.length === 0 ? null : Math.min(...times);
}

/**
 * Takes back each incident that was set aside, if its row can now be read, and resumes its analysis. An update of the
 * connector can make a row readable.
 */
export function takeBackIncidents(sql: SqlStorage, nowMs: number): void {
  for (const incidentId of setAsideIds(sql)) {
    try {
      const state = loadIncident(sql, incidentId);
      if (state.snapshot !== null) saveIncident(sql, emptyIncident(incidentId), state, nowMs);
      endSetAside(sql, incidentId);
    } catch {
      // The row still cannot be read. The incident stays set aside until `pruneSetAside` removes its `set_aside` row.
    }
  }
}
