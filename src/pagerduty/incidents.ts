import * as z from "zod/mini";
import { type ApiAnswer, type ApiTarget, callPagerDuty } from "./api.ts";
import { FieldValues, IncidentData, lenient, Time } from "./event.ts";

/**
 * Incidents over REST. The same incident as in a webhook, but for the names: REST says `incident_number`.
 * https://developer.pagerduty.com/api-reference/operations/getIncident
 */

export const RestIncident = z.pipe(
  z.looseObject({
    incident_number: z.nullish(z.number()),
    updated_at: lenient(Time),
    last_status_change_at: lenient(Time),
    resolved_at: lenient(Time),
  }),
  z.transform((incident, context) => {
    const data = IncidentData.safeParse({ ...incident, type: "incident", number: incident.incident_number });
    if (!data.success) {
      context.issues.push({ code: "custom", message: "not an incident", input: incident });
      return z.NEVER;
    }
    return {
      ...data.data,
      /** ISO 8601. When anything of it last changed: `updated_at` does not always follow the others. */
      updatedAt:
        latestOf([incident.updated_at, incident.last_status_change_at, incident.resolved_at]) ??
        data.data.created_at ??
        null,
      resolvedAt:
        incident.resolved_at ??
        (data.data.status === "resolved" ? (incident.last_status_change_at ?? null) : null),
    };
  }),
);
export type RestIncident = z.infer<typeof RestIncident>;

function latestOf(times: readonly (string | null | undefined)[]): string | null {
  return times.reduce<string | null>(
    (latest, time) => (time && (latest === null || Date.parse(time) > Date.parse(latest)) ? time : latest),
    null,
  );
}

/** `GET /incidents/{id}` */
export async function getIncident(target: ApiTarget, incidentId: string): Promise<ApiAnswer<RestIncident>> {
  const schema = z.object({ incident: RestIncident });
  const answer = await callPagerDuty(target, "GET", `/incidents/${encodeURIComponent(incidentId)}`, schema);
  return answer.ok ? { ok: true, value: answer.value.incident } : answer;
}

/** `GET /incidents/{id}/custom_fields/values`: the values now, null where a field has none. */
export async function getFieldValues(target: ApiTarget, incidentId: string): Promise<ApiAnswer<FieldValues>> {
  const path = `/incidents/${encodeURIComponent(incidentId)}/custom_fields/values`;
  const answer = await callPagerDuty(target, "GET", path, z.object({ custom_fields: FieldValues }));
  return answer.ok ? { ok: true, value: answer.value.custom_fields } : answer;
}

/** A page of PagerDuty's list; larger is refused. */
export const PAGE_SIZE = 100;
/** `offset + limit` beyond this is refused. */
export const MAX_OFFSET = 10_000;

export interface IncidentQuery {
  /** By creation, inclusive; at most six months apart. Milliseconds since 1970. */
  sinceMs: number;
  untilMs: number;
  offset: number;
  /** Null for all. */
  statuses: readonly string[] | null;
}

/** One page of `GET /incidents`, oldest first. An incident of another shape is left out. */
export async function listIncidents(
  target: ApiTarget,
  query: IncidentQuery,
): Promise<ApiAnswer<{ incidents: RestIncident[]; count: number; more: boolean }>> {
  const parameters = new URLSearchParams({
    since: new Date(query.sinceMs).toISOString(),
    until: new Date(query.untilMs).toISOString(),
    limit: String(PAGE_SIZE),
    offset: String(query.offset),
    sort_by: "created_at:asc",
  });
  for (const status of query.statuses ?? []) parameters.append("statuses[]", status);
  const schema = z.object({ incidents: z.array(z.unknown()), more: z.nullish(z.boolean()) });
  const answer = await callPagerDuty(target, "GET", `/incidents?${parameters}`, schema);
  if (!answer.ok) return answer;
  const incidents = answer.value.incidents.flatMap((incident) => {
    const parsed = RestIncident.safeParse(incident);
    return parsed.success ? [parsed.data] : [];
  });
  return {
    ok: true,
    value: { incidents, count: answer.value.incidents.length, more: answer.value.more === true },
  };
}
