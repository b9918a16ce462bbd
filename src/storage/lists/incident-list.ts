import * as z from "zod/mini";
import { lacksNumber, view } from "../../incidents/fold.ts";
import {
  type Incident,
  type IncidentCursor,
  type IncidentHead,
  Severity,
  Status,
} from "../../incidents/incident.ts";
import { matchesText } from "../../incidents/search.ts";
import { firstChars } from "../../incidents/text.ts";
import { readableIncident } from "../incidents.ts";
import { type Counts, countChoices, type Filter, oneOf, type TimeRange, takePage } from "./page.ts";

/** Finds incidents for the API: pages of incidents, newest first, and the titles of incidents for other lists. */

/** A member that is null accepts every incident. The time range applies to the incident's start. */
export interface IncidentFilter extends TimeRange {
  status: Status | null;
  severity: Severity | null;
  /** A service's id or name. */
  service: string | null;
  /** Search words. Each word has to occur in the title, the number or the service's name. */
  q: string | null;
  limit: number;
  after: IncidentCursor | null;
}

export const ALL_INCIDENTS = {
  ...{ status: null, severity: null, service: null, q: null, after: null },
  ...{ sinceMs: null, untilMs: null },
} as const;

/**
 * How many incidents one page or one count examines at most. Without this limit, a search with few matches would read
 * the whole table.
 */
const MAX_EXAMINED = 2_000;

const Candidate = z.lazy(() =>
  z.object({
    createdAtMs: z.number(),
    incidentId: z.string(),
    status: z.string(),
    severityRank: z.number(),
    title: z.nullable(z.string()),
    number: z.nullable(z.number()),
    serviceId: z.nullable(z.string()),
    serviceName: z.nullable(z.string()),
  }),
);
type Candidate = z.infer<typeof Candidate>;

/** Yields the incidents that started in the time range, newest first. Begins after the cursor `after`. */
function* candidates(
  sql: SqlStorage,
  { after, sinceMs, untilMs }: Pick<IncidentFilter, "after" | "sinceMs" | "untilMs">,
  limit: number,
): Generator<Candidate> {
  const end = { createdAtMs: untilMs ?? Number.MAX_SAFE_INTEGER, incidentId: "" };
  const before = after && after.createdAtMs < end.createdAtMs ? after : end;
  const rows = sql.exec(
    `SELECT created_at_ms AS createdAtMs, incident_id AS incidentId, status, severity_rank AS severityRank, title, number,
       service_id AS serviceId, service_name AS serviceName
     FROM incidents WHERE (created_at_ms, incident_id) < (?, ?) AND created_at_ms >= ? AND status IS NOT NULL
     ORDER BY created_at_ms DESC, incident_id DESC LIMIT ?`,
    before.createdAtMs,
    before.incidentId,
    sinceMs ?? 0,
    limit,
  );
  for (const row of rows) yield Candidate.parse(row);
}

/** A page of incidents. The next page starts after the incident `next`, which is null on the last page. */
interface IncidentPage {
  incidents: Incident[];
  next: IncidentCursor | null;
}

/**
 * Returns matching incidents, newest first. Stops after `MAX_EXAMINED` incidents, even with fewer than `limit`
 * matches.
 */
export function listIncidents(sql: SqlStorage, filter: IncidentFilter): IncidentPage {
  const isSearched = searchOf(filter);
  const filters = Object.values(filtersOf(filter));
  const { found, next } = takePage(
    candidates(sql, filter, MAX_EXAMINED + 1),
    (row) => isSearched(row) && filters.every(({ passes }) => passes(row)),
    filter.limit,
    MAX_EXAMINED,
  );
  return {
    incidents: found.flatMap(({ incidentId }) => readableView(sql, incidentId) ?? []),
    next: next && { createdAtMs: next.createdAtMs, incidentId: next.incidentId },
  };
}

/** Counts the matching incidents among the newest `MAX_EXAMINED`. */
export function countIncidents(sql: SqlStorage, filter: IncidentFilter): Counts {
  const rows = [...candidates(sql, { ...filter, after: null }, MAX_EXAMINED + 1)];
  const hasMore = rows.length > MAX_EXAMINED;
  return countChoices(rows.slice(0, MAX_EXAMINED).filter(searchOf(filter)), filtersOf(filter), () => hasMore);
}

/** Returns the incident; null if its row cannot be read, so that the other rows are still shown. */
export function readableView(sql: SqlStorage, incidentId: string): Incident | null {
  const state = readableIncident(sql, incidentId);
  return state && view(state);
}

function searchOf({ q }: IncidentFilter): (row: Candidate) => boolean {
  const isText = matchesText(q ?? "");
  return ({ title, serviceName, number }) =>
    isText([title, serviceName, number === null ? null : String(number)]);
}

function filtersOf({ status, severity, service }: IncidentFilter): Record<string, Filter<Candidate>> {
  const wanted = service?.toLowerCase();
  return {
    status: oneOf(Status.options, (row) => row.status, status),
    severity: oneOf(Severity.options, (row) => Severity.options[row.severityRank] ?? null, severity),
    service: {
      ...oneOf([], (row) => row.serviceName, service),
      passes: ({ serviceId, serviceName }) =>
        !wanted || [serviceId, serviceName].some((text) => text?.toLowerCase() === wanted),
    },
  };
}

/** Longer titles and service names are cut in lists of events and deliveries. */
const MAX_TITLE_CHARS = 300;

const HeadRow = z.object({
  number: z.nullable(z.number()),
  title: z.string(),
  service: z.string(),
  severityRank: z.number(),
  pagerdutyStatus: z.string(),
});

/** Returns the title, number, service, severity and status of each stored incident, by its id. */
export function incidentHeads(sql: SqlStorage, incidentIds: readonly string[]): Map<string, IncidentHead> {
  return new Map(
    [...new Set(incidentIds)].flatMap((id): [string, IncidentHead][] => {
      const [row] = sql.exec(
        `SELECT number, substr(title, 1, ${MAX_TITLE_CHARS}) AS title, severity_rank AS severityRank,
           substr(service_name, 1, ${MAX_TITLE_CHARS}) AS service, pagerduty_status AS pagerdutyStatus
         FROM incidents WHERE incident_id = ? AND status IS NOT NULL`,
        id,
      );
      if (!row) return [];
      const { severityRank, number, ...head } = HeadRow.parse(row);
      const severity = Severity.options[severityRank] ?? "medium";
      return [[id, { ...head, number: number === null ? null : String(number), severity }]];
    }),
  );
}

/** Returns the title, number, service, severity and status of the incident in a notification. */
export const headOf = (incident: Incident): IncidentHead => ({
  number: lacksNumber(incident) ? null : incident.sourceAlertId,
  title: firstChars(incident.title, MAX_TITLE_CHARS),
  service: firstChars(incident.service.name, MAX_TITLE_CHARS),
  severity: incident.severity,
  pagerdutyStatus: incident.pagerdutyStatus,
});

/** Returns the id of the newest stored incident; null if there is none. */
export function anyIncidentId(sql: SqlStorage): string | null {
  const [newest] = listIncidents(sql, { ...ALL_INCIDENTS, limit: 1 }).incidents;
  return newest?.incidentId ?? null;
}
