import type { Change, Incident, Notification } from "../../src/incidents/incident.ts";

/** A stored notification of an open incident. */
export function notificationOf(
  kind: Change["kind"],
  changed: Partial<Incident> = {},
  others: Partial<Notification> = {},
): Notification {
  const incident: Incident = {
    sourceType: "pagerduty",
    sourceAlertId: "42",
    incidentId: "PGR0VU2",
    title: "API latency above 2 s",
    service: { id: "PF9KMXH", name: "API Service" },
    severity: "critical",
    status: "investigating",
    pagerdutyStatus: "triggered",
    urgency: "high",
    priority: "SEV-1",
    url: "https://acme.pagerduty.com/incidents/PGR0VU2",
    incidentKey: "d3640fbd",
    description: null,
    assignees: [{ id: "PANN", name: "Ann" }],
    teams: [{ id: "PTEAM", name: "Engineering" }],
    escalationPolicy: { id: "PEP", name: "Default" },
    alertFiredAt: "2026-11-22T03:00:00Z",
    startedAt: "2026-11-22T03:00:00Z",
    resolvedAt: null,
    customFields: { region: "eu", runbook_link: "https://runbook" },
    version: 1,
    ...changed,
  };
  return {
    messageId: "msg_1",
    type: "incident.updated",
    timestamp: "2026-11-22T03:00:01.500Z",
    incident,
    change: { kind, from: null, to: incident.status },
    provenance: { webhookId: "w1", eventId: "e1", verification: "signature" },
    ...others,
  };
}
