import * as z from "zod/mini";
import type { RestIncident } from "../incidents/rest-stamp.ts";
import { type ApiAnswer, type ApiProblem, type ApiTarget, callPagerDuty } from "./api.ts";
import { FieldValues, IncidentData, IncidentNumber, lenient, Time } from "./event.ts";
import { descriptionOf, snapshotOf } from "./observe.ts";

/**
 * Reads incidents over REST. A REST incident has the same members as a webhook's incident, but its `number`
 * is named `incident_number`.
 * https://developer.pagerduty.com/api-reference/operations/getIncident
 */

export const RestIncidentAnswer = z.pipe(
  z.looseObject({
    incident_number: IncidentNumber,
    updated_at: lenient(Time),
    last_status_change_at: lenient(Time),
    resolved_at: lenient(Time),
  }),
  z.transform((incident, context): RestIncident => {
    const data = IncidentData.safeParse({ ...incident, type: "incident", number: incident.incident_number });
    if (!data.success) {
      context.issues.push({ code: "custom", message: "not an incident", input: incident });
      return z.NEVER;
    }
    const { id, number, status, created_at: createdAt } = data.data;
    return {
      incidentId: id,
      number: number ?? null,
      snapshot: snapshotOf(data.data),
      description: descriptionOf(data.data),
      // `updated_at` can be earlier than `last_status_change_at` or `resolved_at`.
      updatedAt:
        latestOf([incident.updated_at, incident.last_status_change_at, incident.resolved_at]) ??
        createdAt ??
        null,
      statusChangedAt: incident.last_status_change_at ?? null,
      resolvedAt:
        incident.resolved_at ?? (status === "resolved" ? (incident.last_status_change_at ?? null) : null),
    };
  }),
);

function latestOf(times: readonly (string | null | undefined)[]): string | null {
  return times.reduce<string | null>(
    (latest, time) => (time && (latest === null || Date.parse(time) > Date.parse(latest)) ? time : latest),
    null,
  );
}

/** `GET /incidents/{id}` */
export async function getIncident(target: ApiTarget, incidentId: string): Promise<ApiAnswer<RestIncident>> {
  const schema = z.object({ incident: RestIncidentAnswer });
  const answer = await callPagerDuty(target, "GET", `/incidents/${encodeURIComponent(incidentId)}`, schema);
  return answer.ok ? { ok: true, value: answer.value.incident } : answer;
}

/** Problems that a retry does not solve: there are no custom fields, or the credential may not read them. */
const NO_FIELDS = new Set<ApiProblem["problem"]>(["forbidden", "not_found", "not_in_plan", "bad_request"]);

/**
 * `GET /incidents/{id}/custom_fields/values`: the current values; an unset field's value is null. Returns null if the
 * account has no custom fields or the credential may not read them.
 */
export async function getFieldValues(
  target: ApiTarget,
  incidentId: string,
): Promise<ApiAnswer<FieldValues | null>> {
  const path = `/incidents/${encodeURIComponent(incidentId)}/custom_fields/values`;
  const answer = await callPagerDuty(target, "GET", path, z.object({ custom_fields: FieldValues }));
  if (answer.ok) return { ok: true, value: answer.value.custom_fields };
  return NO_FIELDS.has(answer.problem) ? { ok: true, value: null } : answer;
}

/** PagerDuty lists at most 100 incidents on a page. */
export const PAGE_SIZE = 100;
/** PagerDuty refuses a larger `offset + limit`. */
export const MAX_OFFSET = 10_000;

export interface IncidentQuery {
  openOnly: boolean;
  /**
   * The incidents were created from `sinceMs` to `untilMs`, in milliseconds since 1970. PagerDuty allows at most six
   * months.
   */
  sinceMs: number;
  untilMs: number;
  offset: number;
  /** The subscription's filter; null for the whole account. */
  filter: { type: string; id: string | null } | null;
}

const OPEN_STATUSES = ["triggered", "acknowledged"];

const FILTER_PARAMETERS: Record<string, string> = {
  service_reference: "service_ids[]",
  team_reference: "team_ids[]",
};

/** Returns one page of `GET /incidents`, oldest first. An incident that cannot be parsed becomes null. */
export async function listIncidents(
  target: ApiTarget,
  query: IncidentQuery,
): Promise<ApiAnswer<{ incidents: (RestIncident | null)[]; more: boolean }>> {
  const parameters = new URLSearchParams({
    since: new Date(query.sinceMs).toISOString(),
    until: new Date(query.untilMs).toISOString(),
    limit: String(PAGE_SIZE),
    offset: String(query.offset),
    sort_by: "created_at:asc",
  });
  if (query.openOnly) for (const status of OPEN_STATUSES) parameters.append("statuses[]", status);
  const filterParameter = FILTER_PARAMETERS[query.filter?.type ?? ""];
  if (filterParameter && query.filter?.id) parameters.append(filterParameter, query.filter.id);
  const schema = z.object({ incidents: z.array(z.unknown()), more: z.nullish(z.boolean()) });
  const answer = await callPagerDuty(target, "GET", `/incidents?${parameters}`, schema);
  if (!answer.ok) return answer;
  const incidents = answer.value.incidents.map((incident) => {
    const parsed = RestIncidentAnswer.safeParse(incident);
    return parsed.success ? parsed.data : null;
  });
  return { ok: true, value: { incidents, more: answer.value.more === true } };
}
