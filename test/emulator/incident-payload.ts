import { isoSeconds } from "./clock.ts";
import type { CustomField } from "./custom-field.ts";
import type { Incident } from "./incident.ts";
import type { Note } from "./incident-knowledge.ts";
import { htmlUrl, refer, selfUrl } from "./reference.ts";

/** The `data` of a V3 webhook about an incident: the complete incident after the event. */
export function incidentPayload(incident: Incident): Record<string, unknown> {
  const { account } = incident;
  return {
    id: incident.id,
    type: "incident",
    self: selfUrl(account, "incident", incident.id),
    html_url: htmlUrl(account, "incident", incident.id),
    ...(incident.omitNumber ? {} : { number: incident.number }),
    status: incident.status,
    incident_key: incident.incidentKey,
    created_at: isoSeconds(incident.createdAtMs),
    title: incident.title,
    service: account.serviceReference,
    assignees: incident.status === "resolved" ? [] : [incident.assignee],
    escalation_policy: account.escalationPolicyReference,
    teams: [account.teamReference],
    // In PagerDuty's webhooks, unlike in its REST API, a priority has no `name`.
    priority: incident.priority === null ? null : account.priorityReference(incident.priority),
    urgency: incident.urgency,
    conference_bridge: null,
    resolve_reason: resolveReason(incident),
    incident_type: { name: "incident_default" },
  };
}

/** Returns `resolve_reason`, which PagerDuty gives only after a merge. */
export function resolveReason(incident: Incident): Record<string, unknown> | null {
  if (incident.mergedInto === null) return null;
  const title = incident.account.incidents.get(incident.mergedInto)?.title ?? null;
  return {
    type: "merge_resolve_reason",
    incident: refer(incident.account, "incident", incident.mergedInto, title),
  };
}

/**
 * The `data` of a V3 webhook about a changed field: the incident's field values after the change, and the changed
 * field's old value.
 */
export function fieldValuesPayload(
  incident: Incident,
  changed: CustomField,
  before: unknown,
): Record<string, unknown> {
  const fields = incident.account.customFields
    .all()
    .filter((field) => field.name === changed.name || incident.customFields.has(field.name));
  return {
    // In PagerDuty's sample of this webhook, the incident has no summary.
    incident: refer(incident.account, "incident", incident.id, null),
    custom_fields: fields.map((field) => fieldValue(field, incident.customFields.get(field.name) ?? null)),
    changed_custom_fields: [fieldValue(changed, before)],
    type: "incident_field_values",
  };
}

function fieldValue(field: CustomField, value: unknown): Record<string, unknown> {
  return {
    data_type: field.dataType,
    field_type: field.fieldType,
    id: field.id,
    name: field.name,
    namespace: "incidents",
    type: "field_value",
    value,
  };
}

/** The `data` of a V3 webhook about a note. */
export function notePayload(incident: Incident, { id, content }: Note): Record<string, unknown> {
  return {
    incident: refer(incident.account, "incident", incident.id, incident.title),
    id,
    content,
    trimmed: false,
    type: "incident_note",
  };
}
