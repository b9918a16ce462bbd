/** The types of events that a webhook subscription asks for. Without imports, because the console's page loads it, too. */

/** The events that Aurora's set-up page asks for, which every account has. */
export const BASIC_EVENTS = [
  "incident.triggered",
  "incident.acknowledged",
  "incident.resolved",
  "incident.custom_field_values.updated",
] as const;

/** Every event that changes an incident as Aurora sees it, and the notes on it. A caller may choose others. */
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
