import * as z from "zod/mini";
import { lacksNumber, view } from "../incidents/fold.ts";
import {
  type Incident,
  type IncidentCursor,
  type IncidentHead,
  Severity,
  type Status,
} from "../incidents/incident.ts";
import { firstChars } from "../incidents/text.ts";
import { describe, log } from "../log.ts";
import { loadIncident } from "./incidents.ts";

/** Finds incidents for the API: pages, newest first, and the titles of incidents for other lists. */

/** A member that is null filters nothing. */
export interface IncidentFilter {
  status: Status | null;
  severity: Severity | null;
  /** A service's id or name. */
  service: string | null;
  /** Searched for in the title, the number and the service's name. */
  q: string | null;
  limit: number;
  after: IncidentCursor | null;
}

/** Filters nothing. */
export const ALL_INCIDENTS = { status: null, severity: null, service: null, q: null, after: null } as const;

/** The most incidents that one page examines, so that a rare match does not read the whole table. */
const MAX_LOOKED_AT = 2_000;

const Candidate = z.object({
  createdAtMs: z.number(),
  incidentId: z.string(),
  status: z.string(),
  severityRank: z.number(),
  title: z.nullable(z.string()),
  number: z.nullable(z.number()),
  serviceId: z.nullable(z.string()),
  serviceName: z.nullable(z.string()),
});

/** A page. `next`: the next page starts after this incident; null at the end. */
interface IncidentPage {
  incidents: Incident[];
  next: IncidentCursor | null;
}

/** Returns matching incidents, newest first. Returns fewer than `limit` if it has examined too many others. */
export function listIncidents(sql: SqlStorage, filter: IncidentFilter): IncidentPage {
  const after = filter.after ?? { createdAtMs: Number.MAX_SAFE_INTEGER, incidentId: "" };
  const rows = sql.exec(
    `SELECT created_at_ms AS createdAtMs, incident_id AS incidentId, status, severity_rank AS severityRank, title, number,
       service_id AS serviceId, service_name AS serviceName
     FROM incidents WHERE (created_at_ms, incident_id) < (?, ?) AND status IS NOT NULL
     ORDER BY created_at_ms DESC, incident_id DESC LIMIT ${MAX_LOOKED_AT + 1}`,
    after.createdAtMs,
    after.incidentId,
  );
  const matches = matcherOf(filter);
  const found: IncidentCursor[] = [];
  let looked = 0;
  let last: IncidentCursor | null = null;
  let next: IncidentCursor | null = null;
  for (const row of rows) {
    const candidate = Candidate.parse(row);
    looked += 1;
    if (looked > MAX_LOOKED_AT) {
      next = last;
      break;
    }
    last = { createdAtMs: candidate.createdAtMs, incidentId: candidate.incidentId };
    if (!matches(candidate)) continue;
    if (found.length === filter.limit) {
      next = found.at(-1) ?? null;
      break;
    }
    found.push(last);
  }
  return { incidents: found.flatMap(({ incidentId }) => readableIncident(sql, incidentId) ?? []), next };
}

/** Null if the row cannot be read, so that the other rows are still shown. */
function readableIncident(sql: SqlStorage, incidentId: string): Incident | null {
  try {
    return view(loadIncident(sql, incidentId));
  } catch (error) {
    log.error("incident.unreadable", { incidentId, error: describe(error) });
    return null;
  }
}

function matcherOf({ status, severity, service, q }: IncidentFilter) {
  const rank = severity && Severity.options.indexOf(severity);
  const serviceText = service?.toLowerCase();
  const searched = q?.trim().replace(/^#/, "").toLowerCase();
  return ({ title, number, serviceId, serviceName, ...row }: z.infer<typeof Candidate>): boolean =>
    (status === null || row.status === status) &&
    (rank === null || row.severityRank === rank) &&
    (!serviceText ||
      serviceId?.toLowerCase() === serviceText ||
      serviceName?.toLowerCase() === serviceText) &&
    (!searched ||
      [title, serviceName, number === null ? null : String(number)].some((text) =>
        text?.toLowerCase().includes(searched),
      ));
}

/** Longer titles are cut in lists of events and deliveries. */
const MAX_TITLE_CHARS = 300;

const HeadRow = z.object({
  number: z.nullable(z.number()),
  title: z.string(),
  service: z.string(),
  severityRank: z.number(),
  pagerdutyStatus: z.string(),
});

/** Returns title, number and service of the incidents that are stored, by id. */
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

/** Title, number and service of the incident in a notification. */
export const headOf = (incident: Incident): IncidentHead => ({
  number: lacksNumber(incident) ? null : incident.sourceAlertId,
  title: firstChars(incident.title, MAX_TITLE_CHARS),
  service: firstChars(incident.service.name, MAX_TITLE_CHARS),
  severity: incident.severity,
  pagerdutyStatus: incident.pagerdutyStatus,
});

/** The id of the newest stored incident; null if there is none. */
export function anyIncidentId(sql: SqlStorage): string | null {
  const [newest] = listIncidents(sql, { ...ALL_INCIDENTS, limit: 1 }).incidents;
  return newest?.incidentId ?? null;
}
