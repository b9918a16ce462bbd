import type { Observation } from "../incidents/fold.ts";
import type { Snapshot, Stamp } from "../incidents/incident.ts";
import { severityOf } from "../incidents/severity.ts";
import type { IncidentData } from "./event.ts";

/** From PagerDuty's words, as webhooks and REST share them, to an observation. Pure. */

export function snapshotOf(data: IncidentData): Snapshot {
  const priority = data.priority?.summary || data.priority?.name || null;
  const urgency = data.urgency ?? null;
  return {
    title: data.title || "Untitled Incident",
    service: {
      id: data.service?.id ?? null,
      name: data.service?.summary || data.service?.name || "unknown",
    },
    urgency,
    priority,
    severity: severityOf(priority, urgency),
    pagerdutyStatus: data.status || "triggered",
    url: data.html_url ?? null,
    incidentKey: data.incident_key ?? null,
    createdAt: data.created_at ?? null,
  };
}

/** @param resolvedAt ISO 8601, of the event that resolves the incident; null for any other event */
export function observeEvent(data: IncidentData, stamp: Stamp, resolvedAt: string | null): Observation {
  return {
    kind: "incident",
    stamp,
    number: data.number ?? null,
    snapshot: snapshotOf(data),
    resolves: resolvedAt !== null,
    description: data.body?.details ?? null,
    resolvedAt,
  };
}
