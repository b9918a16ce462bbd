import * as z from "zod";
import { AppError } from "../errors.ts";
import { view } from "../incidents/fold.ts";
import type { Analysis } from "../incidents/incident.ts";
import { type Entry, entriesOfIncident } from "../incidents/journal.ts";
import { type IncidentCursor, listIncidents, loadIncident } from "../incidents/store.ts";

/** What the API shows of what is stored. */

const iso = (atMs: number | null) => (atMs === null ? null : new Date(atMs).toISOString());

/** One webhook or recovery, as `GET /pagerduty/events` lists it. */
export function eventView(entry: Entry) {
  return {
    webhookId: entry.webhookId,
    eventId: entry.eventId,
    type: entry.type,
    incidentId: entry.incidentId,
    occurredAt: entry.occurredAt,
    receivedAt: iso(entry.receivedAtMs),
    verification: entry.verification,
    outcome: entry.outcome,
    reason: entry.reason,
  };
}

/** A page of incidents, newest first. */
export function incidentPage(
  sql: SqlStorage,
  filter: { status: "investigating" | "resolved" | null; limit: number; after: IncidentCursor | null },
) {
  const found = listIncidents(sql, filter);
  const page = found.slice(0, filter.limit);
  const next = found.length > filter.limit ? (page.at(-1)?.cursor ?? null) : null;
  return { incidents: page.map(({ incident }) => incident), next };
}

/** Whether the analysis was asked for, when, with what, and why; or why not yet. */
function analysisView(analysis: Analysis) {
  switch (analysis.state) {
    case "none":
      return { state: "none" as const, reason: "No triggered event of this incident was seen" };
    case "waiting":
      return { state: "waiting" as const, dueAt: iso(analysis.dueAtMs), reason: analysis.reason };
    case "requested":
      return {
        state: "requested" as const,
        at: iso(analysis.atMs),
        reason: analysis.reason,
        runbookUrl: analysis.runbookUrl,
      };
  }
}

/** One incident with its timeline, oldest first, and the events that made it. @throws {AppError} not_found */
export function incidentDetail(sql: SqlStorage, incidentId: string) {
  const state = loadIncident(sql, incidentId);
  const incident = view(state);
  if (!incident) throw new AppError("not_found", "No such incident");
  const entries = entriesOfIncident(sql, incidentId);
  const timeline = entries.flatMap((entry) =>
    entry.entry ? [{ at: entry.occurredAt ?? iso(entry.receivedAtMs), ...entry.entry }] : [],
  );
  return {
    ...incident,
    analysis: analysisView(state.analysis),
    timeline,
    events: entries.filter(({ kind }) => kind === "webhook" || kind === "recovery").map(eventView),
  };
}

const Times = z.object({ lastEventAtMs: z.nullable(z.number()), lastPingAtMs: z.nullable(z.number()) });

/** When webhooks last came. The last test is looked for among recent entries only: it is a sign of life. */
export function webhookTimes(sql: SqlStorage): z.infer<typeof Times> {
  const [row] = sql.exec(
    `SELECT
       (SELECT received_at_ms FROM journal WHERE kind = 'webhook' ORDER BY seq DESC LIMIT 1) AS lastEventAtMs,
       (SELECT received_at_ms FROM journal WHERE type = 'pagey.ping' AND kind = 'webhook'
        AND seq > (SELECT max(seq) FROM journal) - 1000 ORDER BY seq DESC LIMIT 1) AS lastPingAtMs`,
  );
  return Times.parse(row);
}
