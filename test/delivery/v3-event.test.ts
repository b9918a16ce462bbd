import { expect, test } from "vitest";
import { type V3Source, v3EventsOf } from "../../src/delivery/v3-event.ts";
import type { Incident } from "../../src/incidents/incident.ts";
import { alert, NO_CONTEXT } from "../support/context.ts";
import { notificationOf } from "../support/stored-notification.ts";

const recipient = { userId: "alice", orgId: "acme" };
const CONTEXT = { ...NO_CONTEXT, alerts: [alert("PALERT", { details: { metric: "p99" } })] };
const REFERENCE = { id: "PF9KMXH", type: "service_reference", summary: "Old name", self: null };
const PAGERDUTY_EVENT = {
  id: "01EVENT",
  event_type: "incident.escalated",
  resource_type: "incident",
  occurred_at: "2026-11-22T03:00:01.500Z",
  agent: { id: "PANN", type: "user_reference", summary: "Ann", self: null },
  client: { name: "Monitoring" },
  data: {
    id: "PGR0VU2",
    type: "incident",
    number: 7,
    title: "Older title",
    service: REFERENCE,
    priority: null,
    body: null,
    assignees: [REFERENCE],
    conference_bridge: null,
    incident_type: { name: "incident_default", description: null },
  },
};

function eventsOf(
  notification: V3Source["notification"],
  { event = null, context = null }: Partial<V3Source> = {},
) {
  const result = v3EventsOf({ notification, event, recipient, context });
  if (result.kind !== "events") throw new Error(result.kind);
  return result.events;
}
const dataOf = (changed: Partial<Incident>, source: Partial<V3Source> = {}, kind = "updated" as const) =>
  eventsOf(notificationOf(kind, changed), source)[0]?.body.event.data;

const FIELDS = "incident.custom_field_values.updated";
test.each([
  ["created", "triggered", ["incident.triggered", FIELDS]],
  ["created", "acknowledged", ["incident.triggered", FIELDS]],
  ["created", "resolved", ["incident.resolved", FIELDS]],
  ["custom_fields_updated", "triggered", [FIELDS]],
  ["custom_fields_updated", "resolved", [FIELDS]],
  ["resolved", "resolved", ["incident.resolved"]],
  ["status_changed", "acknowledged", ["incident.acknowledged"]],
  ["status_changed", "triggered", ["incident.acknowledged"]],
  ["reopened", "triggered", ["incident.acknowledged"]],
  ["updated", "triggered", ["incident.acknowledged"]],
  ["updated", "resolved", ["incident.acknowledged"]],
  ["rca_requested", "triggered", []],
] as const)(
  "the change %s of an incident with the status %s is sent as the events %j, with that status",
  (kind, status, types) => {
    const aurora = status === "resolved" ? "resolved" : "investigating";
    const events = eventsOf(notificationOf(kind, { pagerdutyStatus: status, status: aurora }));
    expect(events.map(({ body }) => body.event.event_type)).toEqual(types);
    for (const { body } of events) {
      if (body.event.event_type !== FIELDS) expect(body.event.data).toMatchObject({ status, number: 42 });
    }
  },
);

test("if a new incident has custom fields, a second event with a different id is sent", () => {
  const events = eventsOf(notificationOf("created"));
  expect(events.map(({ id, body }) => [id, body.event.id])).toEqual([
    ["msg_1", "msg_1"],
    ["msg_1_fields", "msg_1_fields"],
  ]);
  expect(eventsOf(notificationOf("created", { customFields: {} }))).toHaveLength(1);
  expect(eventsOf(notificationOf("custom_fields_updated"))[0]?.id).toBe("msg_1");
});

test("a V3 event names the user, the organisation, and the person who caused the change", () => {
  const [event] = eventsOf(notificationOf("updated"), { event: PAGERDUTY_EVENT });
  expect(event?.body).toEqual({
    event: {
      id: "msg_1",
      event_type: "incident.acknowledged",
      resource_type: "incident",
      occurred_at: "2026-11-22T03:00:01.500Z",
      agent: { id: "PANN", type: "user_reference", summary: "Ann" },
      client: { name: "Monitoring" },
      data: expect.anything(),
    },
    aurora: { user_id: "alice", org_id: "acme" },
  });
  const [recovered] = eventsOf(notificationOf("updated"));
  expect(recovered?.body.event).toMatchObject({ agent: null, client: null });
});

test("a V3 event has the incident in the form that Aurora reads, even if there is no event from PagerDuty", () => {
  const known = {
    id: "PGR0VU2",
    type: "incident",
    number: 42,
    status: "triggered",
    title: "API latency above 2 s",
    urgency: "high",
    html_url: "https://acme.pagerduty.com/incidents/PGR0VU2",
    incident_key: "d3640fbd",
    created_at: "2026-11-22T03:00:00Z",
    service: "API Service",
    priority: { summary: "SEV-1", name: "P1" },
    customFields: { region: "eu", runbook_link: "https://runbook" },
    assignees: [{ id: "PANN", type: "user_reference", summary: "Ann" }],
    teams: [{ id: "PTEAM", type: "team_reference", summary: "Engineering" }],
    escalation_policy: { id: "PEP", type: "escalation_policy_reference", summary: "Default" },
  };
  expect(dataOf({})).toEqual(known);
  expect(dataOf({}, { event: PAGERDUTY_EVENT })).toEqual({
    ...known,
    incident_type: { name: "incident_default" },
  });
});

test("an event from PagerDuty about another incident or another kind of resource adds nothing to a V3 event", () => {
  const { data } = PAGERDUTY_EVENT;
  for (const odd of [null, "x", [], {}, { ...data, id: "PELSE" }, { ...data, type: "incident_note" }]) {
    expect(dataOf({}, { event: { ...PAGERDUTY_EVENT, data: odd } })).toEqual(dataOf({}));
  }
});

test("in a V3 event members without a value are absent, never null, and status and urgency are always text", () => {
  const unknown = { urgency: null, priority: null, url: null, incidentKey: null, alertFiredAt: null };
  const data = dataOf(
    { ...unknown, escalationPolicy: null, assignees: [], teams: [], customFields: {} },
    { event: PAGERDUTY_EVENT },
  );
  expect(data).toEqual({
    id: "PGR0VU2",
    type: "incident",
    number: 42,
    status: "triggered",
    title: "API latency above 2 s",
    urgency: "unknown",
    service: "API Service",
    customFields: {},
    assignees: [],
    teams: [],
    incident_type: { name: "incident_default" },
  });
});

test("status and urgency are shortened to the width of Aurora's database columns", () => {
  const data = dataOf({ pagerdutyStatus: "😀".repeat(99), urgency: "x".repeat(99) });
  expect(Array.from(String(data?.["status"]))).toHaveLength(50);
  expect(data?.["urgency"]).toHaveLength(20);
});

test("`body` has the description, and is absent if there is no description", () => {
  expect(dataOf({ description: "Latency rose at 3:00" })).toHaveProperty("body", {
    details: "Latency rose at 3:00",
  });
  expect(dataOf({ description: "" })).not.toHaveProperty("body");
});

test.each([
  ["critical", "P1"],
  ["high", "P2"],
  ["medium", "P3"],
  ["low", "P4"],
] as const)(
  "the priority of an incident with the severity %s has the `name` %s, and PagerDuty's name as its `summary`",
  (severity, name) => {
    expect(dataOf({ severity, priority: "Gold" })).toHaveProperty("priority", { summary: "Gold", name });
  },
);

test.each(["PGR0VU2", "", "0", "1.5", "-4", "4e2", "99999999999", "2147483648", "12a"])(
  "an incident whose number is %j waits for its number, but its custom fields do not wait",
  (sourceAlertId) => {
    for (const kind of ["created", "resolved", "updated"] as const) {
      const notification = notificationOf(kind, { sourceAlertId });
      expect(v3EventsOf({ notification, event: null, recipient, context: null })).toEqual({
        kind: "waits_for_number",
      });
    }
    expect(eventsOf(notificationOf("custom_fields_updated", { sourceAlertId }))).toHaveLength(1);
  },
);

test("an incident's id does not count as its number, even if it consists of digits", () => {
  const notification = notificationOf("created", { incidentId: "1234", sourceAlertId: "1234" });
  const result = v3EventsOf({ notification, event: null, recipient, context: null });
  expect(result.kind).toBe("waits_for_number");
});

test("each changed custom field is sent with its name and its new value, and a removed value is sent as an empty text", () => {
  const notification = notificationOf("custom_fields_updated", {}, { changedFields: ["region", "team"] });
  expect(eventsOf(notification)[0]?.body.event.data).toEqual({
    type: "incident_field_values",
    incident: { id: "PGR0VU2", type: "incident_reference" },
    custom_fields: [
      { name: "region", value: "eu" },
      { name: "team", value: "" },
    ],
  });
});

test("all custom fields are sent if it is unknown which fields changed", () => {
  expect(eventsOf(notificationOf("custom_fields_updated"))[0]?.body.event.data["custom_fields"]).toEqual([
    { name: "region", value: "eu" },
    { name: "runbook_link", value: "https://runbook" },
  ]);
});

test("if a custom field holds several runbook URLs, only the first is sent, because Aurora reads the whole field as one URL", () => {
  const customFields = { runbook_link: ["see wiki", " https://a ", "https://b"] };
  const [triggered, fields] = eventsOf(notificationOf("created", { customFields }));
  expect(triggered?.body.event.data).toHaveProperty("customFields.runbook_link", "https://a");
  expect(fields?.body.event.data["custom_fields"]).toEqual([{ name: "runbook_link", value: "https://a" }]);
});

test("only the event incident.triggered contains the incident's context", () => {
  for (const kind of ["updated", "resolved", "custom_fields_updated"] as const) {
    const [event] = eventsOf(notificationOf(kind), { context: CONTEXT });
    expect(event?.body.event.data).not.toHaveProperty("context");
  }
  const [triggered, fields] = eventsOf(notificationOf("created"), { context: CONTEXT });
  expect(triggered?.body.event.data).toHaveProperty("context.alerts.0.details", { metric: "p99" });
  expect(fields?.body.event.data).not.toHaveProperty("context");
  const [without] = eventsOf(notificationOf("created"));
  expect(without?.body.event.data).not.toHaveProperty("context");
});

test("U+0000 and half surrogate pairs are replaced everywhere in a V3 event", () => {
  const odd = "a\0b\ud83d";
  const incident = {
    title: odd,
    description: odd,
    priority: odd,
    service: { id: odd, name: odd },
    teams: [{ id: odd, name: odd }],
    customFields: { [odd]: [odd] },
  };
  const event = { ...PAGERDUTY_EVENT, agent: { [odd]: odd }, data: { ...PAGERDUTY_EVENT.data, [odd]: odd } };
  for (const kind of ["created", "updated", "custom_fields_updated"] as const) {
    const notification = notificationOf(kind, incident, { changedFields: [odd] });
    const written = JSON.stringify(eventsOf(notification, { event }));
    expect(written).toContain("a\ufffdb\ufffd");
    // JSON.stringify would write U+0000 as \u0000, and half a surrogate pair as \ud800 to \udfff.
    expect(written).not.toMatch(/\\u(0000|d[89a-f])/);
  }
});
