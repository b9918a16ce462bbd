import * as z from "zod";
import { type ApiAnswer, type ApiTarget, callPagerDuty } from "./api.ts";
import { IncidentData } from "./event.ts";

/**
 * Incidents over REST. The same incident as in a webhook, but for the names: REST says `incident_number`.
 * https://developer.pagerduty.com/api-reference/operations/getIncident
 */

export const RestIncident = z
  .object({
    incident_number: z.nullish(z.number()),
    updated_at: z.nullish(z.string()),
    last_status_change_at: z.nullish(z.string()),
    resolved_at: z.nullish(z.string()),
  })
  .and(z.record(z.string(), z.unknown()))
  .transform((incident, context) => {
    const data = IncidentData.safeParse({ ...incident, type: "incident", number: incident.incident_number });
    if (!data.success) {
      context.addIssue("not an incident");
      return z.NEVER;
    }
    return {
      ...data.data,
      /** ISO 8601. When anything of it last changed. */
      updatedAt: incident.updated_at ?? incident.last_status_change_at ?? data.data.created_at ?? null,
      resolvedAt: incident.resolved_at ?? null,
    };
  });
export type RestIncident = z.infer<typeof RestIncident>;

/** `GET /incidents/{id}` */
export async function getIncident(target: ApiTarget, incidentId: string): Promise<ApiAnswer<RestIncident>> {
  const schema = z.object({ incident: RestIncident });
  const answer = await callPagerDuty(target, "GET", `/incidents/${encodeURIComponent(incidentId)}`, schema);
  return answer.ok ? { ok: true, value: answer.value.incident } : answer;
}
