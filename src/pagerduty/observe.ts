import type { Observation } from "../incidents/fold.ts";
import type { Named, Snapshot, Stamp } from "../incidents/incident.ts";
import { severityOf } from "../incidents/severity.ts";
import { cutText } from "../incidents/text.ts";
import type { IncidentData, Reference } from "./event.ts";

/** Turns an incident from a webhook or from REST into an `Observation`. Pure. */

/** A stored incident has at most this many assignees, and at most this many teams. Real incidents have a handful. */
const MAX_NAMED = 20;
/** Limits ids and names; PagerDuty's own limit for the names of users and teams is 100. */
const MAX_NAME_CHARS = 200;
/** PagerDuty's longest titles have about 1,000 characters. */
const MAX_TITLE_CHARS = 2_000;
/** A stored incident, including its custom fields, has to fit into a row of 2 MB. */
const MAX_DESCRIPTION_CHARS = 50_000;

function namedOf(reference: Reference): Named | null {
  if (!reference?.id) return null;
  const name = reference.summary || reference.name || reference.id;
  return { id: cutText(reference.id, MAX_NAME_CHARS), name: cutText(name, MAX_NAME_CHARS) };
}

/** Sorts by id, because webhooks and REST may list the same people in a different order. */
function namedList(references: readonly Reference[] | null | undefined): Named[] {
  return (references ?? [])
    .flatMap((reference) => namedOf(reference) ?? [])
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, MAX_NAMED);
}

export function snapshotOf(data: IncidentData): Snapshot {
  const priority = data.priority?.summary || data.priority?.name || null;
  const urgency = data.urgency ?? null;
  const pagerdutyStatus = data.status || "triggered";
  const assignees = data.assignees ?? data.assignments?.map((assignment) => assignment?.assignee);
  return {
    title: cutText(data.title?.trim() ? data.title : "Untitled Incident", MAX_TITLE_CHARS),
    service: {
      id: data.service?.id ?? null,
      name: data.service?.summary || data.service?.name || "unknown",
    },
    urgency,
    priority,
    severity: severityOf(priority, urgency),
    pagerdutyStatus,
    url: data.html_url ?? null,
    incidentKey: data.incident_key ?? null,
    // Webhooks contain the assignees of a resolved incident, but REST does not, so no assignees are kept.
    assignees: pagerdutyStatus === "resolved" ? [] : namedList(assignees),
    teams: namedList(data.teams),
    escalationPolicy: namedOf(data.escalation_policy),
    createdAt: data.created_at ?? null,
  };
}

export function descriptionOf({ body }: Pick<IncidentData, "body">): string | null {
  const details = body?.details ?? null;
  return details === null ? null : cutText(details, MAX_DESCRIPTION_CHARS);
}

/** @param resolvedAt the event's time (ISO 8601) if the event resolves the incident; null for any other event */
export function observeEvent(data: IncidentData, stamp: Stamp, resolvedAt: string | null): Observation {
  return {
    kind: "incident",
    stamp,
    number: data.number ?? null,
    snapshot: snapshotOf(data),
    resolves: resolvedAt !== null,
    description: descriptionOf(data),
    resolvedAt,
  };
}
