import { expect, test } from "vitest";
import type { Notification } from "../support/notification.ts";
import { notificationRow } from "./feed.ts";

const incident: Notification["data"]["incident"] = {
  sourceType: "pagerduty",
  sourceAlertId: "2",
  incidentId: "PGR0VU2",
  title: "API latency above 2 s",
  service: { id: "PF9KMXH", name: "API Service" },
  severity: "critical",
  status: "investigating",
  pagerdutyStatus: "triggered",
  urgency: "high",
  priority: "P1",
  url: null,
  incidentKey: null,
  description: null,
  assignees: [],
  teams: [],
  escalationPolicy: null,
  alertFiredAt: null,
  startedAt: null,
  resolvedAt: null,
  customFields: {},
  version: 1,
};

function notification(type: Notification["type"], changed: Partial<Notification["data"]> = {}): Notification {
  return {
    type,
    timestamp: "2026-11-20T10:00:00Z",
    data: {
      userId: "demo",
      orgId: null,
      incident,
      change: { kind: "created", from: null, to: "investigating" },
      provenance: { webhookId: "w1", eventId: "e1", verification: "signature" },
      event: null,
      ...changed,
    },
  };
}

test("rows stand below each other whatever the type, the severity and the time", () => {
  const low = { ...incident, severity: "low" as const, customFields: { region: "eu" } };
  const fields = { incident: { ...incident, customFields: { region: "eu" } } };
  const rows = [
    notificationRow(notification("incident.custom_fields_updated", fields), 12),
    notificationRow(notification("incident.updated", { incident: low }), 11_005),
  ];
  expect(new Set(rows.map((row) => row.indexOf("region=eu"))).size).toBe(1);
  expect(rows[0]).toMatch(/ {2}v1 {3}critical {2}investigating {2}triggered {8}12 ms {2}region=eu$/);
});

test.each([
  [null, "no runbook"],
  [
    { url: "https://x.example", content: null, error: "It answered 404" },
    "runbook not fetched: It answered 404",
  ],
  [{ url: "https://x.example", content: "# Steps", error: null }, "runbook of 7 characters"],
])("an analysis says what became of its runbook: %j", (runbook, words) => {
  const row = notificationRow(notification("incident.rca_requested", { runbook }), 12);
  expect(row.endsWith(`  ${words}`)).toBe(true);
});

test("a notification that no webhook brought has no time", () => {
  expect(notificationRow(notification("incident.updated"), null)).toMatch(/ - *$/);
});
