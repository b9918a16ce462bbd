/** The event types of a webhook subscription. The console's page also loads this file, so it imports nothing. */

/** The event types that Aurora's set-up page asks for. Every account has them. */
export const BASIC_EVENTS = [
  "incident.triggered",
  "incident.acknowledged",
  "incident.resolved",
  "incident.custom_field_values.updated",
] as const;

/** All event types that change an incident in Aurora, or add a note. A caller may choose other types. */
export const DEFAULT_EVENTS: readonly string[] = [
  ...BASIC_EVENTS,
  "incident.unacknowledged",
  "incident.reopened",
  "incident.priority_updated",
  "incident.service_updated",
  "incident.reassigned",
  "incident.escalated",
  "incident.delegated",
  "incident.annotated",
  "incident.status_update_published",
];
