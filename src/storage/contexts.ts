import * as z from "zod/mini";
import { Context } from "../incidents/context.ts";
import { json } from "./columns.ts";
import { RANKS } from "./incidents.ts";

/** The `contexts` table. A row holds the context of one incident, collected from PagerDuty for its analysis. */

const Row = z.object({ context: json(Context) });

/** Returns the incident's context; null if none was collected, or if the row cannot be read. */
export function loadContext(sql: SqlStorage, incidentId: string): Context | null {
  const [row] = sql.exec("SELECT context FROM contexts WHERE incident_id = ?", incidentId);
  return Row.safeParse(row).data?.context ?? null;
}

export function hasContext(sql: SqlStorage, incidentId: string): boolean {
  return [...sql.exec("SELECT 1 FROM contexts WHERE incident_id = ?", incidentId)].length > 0;
}

/**
 * Stores the context of an incident, unless the incident already has one. @param context within the limits of
 * `boundContext`
 */
export function saveContext(sql: SqlStorage, incidentId: string, context: Context): void {
  sql.exec(
    "INSERT INTO contexts (incident_id, context) VALUES (?, ?) ON CONFLICT DO NOTHING",
    incidentId,
    JSON.stringify(context),
  );
}

const Waiting = z.object({ incidentId: z.string(), dueAtMs: z.number() });

/** Returns incidents that have no context and whose analysis is due after `afterMs`, the most severe first. */
export function analysesWithoutContext(
  sql: SqlStorage,
  afterMs: number,
  limit: number,
): z.infer<typeof Waiting>[] {
  const rows = sql.exec(
    `SELECT incident_id AS incidentId, analysis_due_at_ms AS dueAtMs FROM incidents
     WHERE analysis_due_at_ms IS NOT NULL AND severity_rank IN (${RANKS.join()}) AND analysis_due_at_ms > ?
       AND NOT EXISTS (SELECT 1 FROM contexts WHERE contexts.incident_id = incidents.incident_id)
     ORDER BY severity_rank, analysis_due_at_ms LIMIT ?`,
    afterMs,
    limit,
  );
  return [...rows].map((row) => Waiting.parse(row));
}
