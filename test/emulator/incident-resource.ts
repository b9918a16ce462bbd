import { isoSeconds } from "./clock.ts";
import type { Incident, LogEntry } from "./incident.ts";
import { resolveReason } from "./incident-payload.ts";
import { htmlUrl, refer, selfUrl } from "./reference.ts";

/** An incident as the REST API shows it (schema `Incident`). */
export function incidentResource(incident: Incident) {
  const { account } = incident;
  const [trigger] = incident.log;
  return {
    id: incident.id,
    type: "incident",
    summary: `[#${incident.number}] ${incident.title}`,
    self: selfUrl(account, "incident", incident.id),
    html_url: htmlUrl(account, "incident", incident.id),
    incident_number: incident.number,
    title: incident.title,
    created_at: isoSeconds(incident.createdAtMs),
    updated_at: isoSeconds(incident.updatedAtMs),
    status: incident.status,
    incident_key: incident.incidentKey,
    service: account.serviceReference,
    assignments:
      incident.status === "resolved"
        ? []
        : [{ at: isoSeconds(incident.createdAtMs), assignee: incident.assignee }],
    assigned_via: "escalation_policy",
    last_status_change_at: isoSeconds(incident.lastStatusChangeAtMs),
    resolved_at: incident.resolvedAtMs === null ? null : isoSeconds(incident.resolvedAtMs),
    ...(trigger === undefined ? {} : { first_trigger_log_entry: logEntryReference(incident, trigger) }),
    alert_counts: { all: 0, triggered: 0, resolved: 0 },
    is_mergeable: true,
    incident_type: { name: "incident_default" },
    escalation_policy: account.escalationPolicyReference,
    teams: [account.teamReference],
    pending_actions: [],
    acknowledgements:
      incident.acknowledgedAtMs === null
        ? []
        : [{ at: isoSeconds(incident.acknowledgedAtMs), acknowledger: account.userReference }],
    last_status_change_by: incident.log.length > 1 ? account.userReference : account.serviceReference,
    priority: incident.priority === null ? null : account.priorityReference(incident.priority),
    resolve_reason: resolveReason(incident),
    incidents_responders: [],
    responder_requests: [],
    urgency: incident.urgency,
  };
}

/** Returns all custom fields of the account, each with the incident's value or null. */
export function fieldValueResources(incident: Incident) {
  return incident.account.customFields.all().map((field) => ({
    id: field.id,
    type: "field_value",
    name: field.name,
    display_name: field.displayName,
    description: null,
    data_type: field.dataType,
    field_type: field.fieldType,
    value: incident.customFields.get(field.name) ?? null,
  }));
}

function logEntryReference(incident: Incident, entry: LogEntry) {
  return {
    id: entry.id,
    type: `${entry.kind}_log_entry_reference`,
    summary: entry.summary,
    self: `${selfUrl(incident.account, "incident", incident.id)}/log_entries/${entry.id}`,
    html_url: `${htmlUrl(incident.account, "incident", incident.id)}/log_entries/${entry.id}`,
  };
}

/** An entry of the incident's log (schema `LogEntry`). */
export function logEntryResource(incident: Incident, entry: LogEntry) {
  const { account } = incident;
  return {
    ...logEntryReference(incident, entry),
    type: `${entry.kind}_log_entry`,
    created_at: isoSeconds(entry.atMs),
    agent: entry.kind === "trigger" ? account.serviceReference : account.userReference,
    channel: { type: entry.kind === "trigger" ? "api" : entry.kind === "annotate" ? "note" : "web_trigger" },
    service: account.serviceReference,
    incident: refer(account, "incident", incident.id, `[#${incident.number}] ${incident.title}`),
    teams: [account.teamReference],
    contexts: [],
    ...(entry.note === null ? {} : { note: entry.note }),
  };
}
