import * as z from "zod";
import type { Incident } from "./incident.ts";
import { fieldValueResources, incidentResource, logEntryResource } from "./incident-resource.ts";
import { jsonReply, type Reply } from "./listener.ts";
import { restError } from "./rest-error.ts";
import { PageQuery, pageOf } from "./rest-page.ts";
import { parseInput, queryOf, type RestCall, type Route } from "./rest-route.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_RANGE_MS = 30 * DAY_MS;
/** PagerDuty's limit is "6 months". The longest six months in a row have 184 days. */
const MAX_RANGE_MS = 184 * DAY_MS;

const Time = z.union([z.iso.datetime({ offset: true }), z.iso.date()]).transform((text) => Date.parse(text));
const SortKey = z.stringFormat("sort", /^(incident_number|created_at|resolved_at|urgency)(:(asc|desc))?$/);
const SortBy = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(SortKey).max(2));

const LogEntryQuery = PageQuery.and(z.object({ since: Time.optional(), until: Time.optional() }));
const IncidentQuery = PageQuery.and(
  z.object({
    since: Time.optional(),
    until: Time.optional(),
    date_range: z.literal("all").optional(),
    incident_key: z.string().optional(),
    "statuses[]": z.array(z.enum(["triggered", "acknowledged", "resolved"])).optional(),
    "urgencies[]": z.array(z.enum(["high", "low"])).optional(),
    "service_ids[]": z.array(z.string()).optional(),
    "team_ids[]": z.array(z.string()).optional(),
    sort_by: SortBy.default(["created_at:asc"]),
  }),
);
type IncidentQuery = z.infer<typeof IncidentQuery>;

const SORT_VALUES: Record<string, (incident: Incident) => number> = {
  incident_number: (incident) => incident.number,
  created_at: (incident) => incident.createdAtMs,
  resolved_at: (incident) => incident.resolvedAtMs ?? Number.POSITIVE_INFINITY,
  urgency: (incident) => (incident.urgency === "high" ? 1 : 0),
};

function compare(left: Incident, right: Incident, sortBy: readonly string[]): number {
  for (const key of sortBy) {
    const [field = "", direction = "asc"] = key.split(":");
    const sortValue = SORT_VALUES[field];
    const [a, b] = [sortValue?.(left) ?? 0, sortValue?.(right) ?? 0];
    if (a !== b) return (a < b ? -1 : 1) * (direction === "desc" ? -1 : 1);
  }
  return left.number - right.number;
}

/** Returns the range `[from, to)` of creation times in milliseconds since 1970; null if PagerDuty refuses the range. */
function rangeOf(query: IncidentQuery, nowMs: number): [number, number] | null {
  if (query.date_range === "all") return [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  // `+ 1` includes incidents that were created in the current millisecond.
  const to = query.until ?? Math.max(nowMs + 1, query.since ?? 0);
  const from = query.since ?? to - DEFAULT_RANGE_MS;
  return to - from > MAX_RANGE_MS || from > to ? null : [from, to];
}

function includes<Item>(wanted: readonly Item[] | undefined, item: Item): boolean {
  return wanted === undefined || wanted.includes(item);
}

function listIncidents(call: RestCall): Reply {
  const parsed = parseInput(IncidentQuery, queryOf(call));
  if (!parsed.ok) return parsed.reply;
  const query = parsed.value;
  const { account } = call;
  const range = rangeOf(query, account.clock.nowMs());
  if (range === null)
    return restError.invalid(["since and until must be in order and at most 6 months apart"]);
  const [from, to] = range;
  const incidents = [...account.shown.values()]
    .filter((incident) => incident.createdAtMs >= from && incident.createdAtMs < to)
    .filter((incident) => includes(query["statuses[]"], incident.status))
    .filter((incident) => includes(query["urgencies[]"], incident.urgency))
    .filter(() => includes(query["service_ids[]"], account.service.id))
    .filter(() => includes(query["team_ids[]"], account.team.id))
    .filter((incident) => query.incident_key === undefined || query.incident_key === incident.incidentKey)
    .sort((left, right) => compare(left, right, query.sort_by));
  const { items, pagination } = pageOf(incidents, query);
  return jsonReply(200, { incidents: items.map(incidentResource), ...pagination });
}

/** Answers a call for one incident. As at PagerDuty, the path contains the incident's id or its number. */
export function aboutIncident(
  answer: (incident: Incident, call: RestCall) => Reply,
): (call: RestCall) => Reply {
  return (call) => {
    const incident =
      call.account.shown.get(call.id) ??
      [...call.account.shown.values()].find(({ number }) => String(number) === call.id);
    return incident === undefined ? restError.notFound() : answer(incident, call);
  };
}

function listLogEntries(incident: Incident, call: RestCall): Reply {
  const query = parseInput(LogEntryQuery, queryOf(call));
  if (!query.ok) return query.reply;
  const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = query.value;
  const newestFirst = incident.log.filter(({ atMs }) => atMs >= since && atMs < until).reverse();
  const { items, pagination } = pageOf(newestFirst, query.value);
  return jsonReply(200, {
    log_entries: items.map((entry) => logEntryResource(incident, entry)),
    ...pagination,
  });
}

export const incidentRoutes: readonly Route[] = [
  { method: "GET", path: "/incidents", scope: "incidents.read", answer: listIncidents },
  {
    method: "GET",
    path: "/incidents/{id}",
    scope: "incidents.read",
    answer: aboutIncident((incident) => jsonReply(200, { incident: incidentResource(incident) })),
  },
  {
    method: "GET",
    path: "/incidents/{id}/custom_fields/values",
    scope: "incidents.read",
    answer: aboutIncident((incident) => jsonReply(200, { custom_fields: fieldValueResources(incident) })),
  },
  {
    method: "GET",
    path: "/incidents/{id}/log_entries",
    scope: "incidents.read",
    answer: aboutIncident(listLogEntries),
  },
];
