import { describe, expect, test } from "vitest";
import { effectOf, PagerDutyEvent } from "../../src/pagerduty/event.ts";
import { timelineLineOf } from "../../src/webhooks/timeline.ts";
import roleAssigned from "../cases/role-assigned.json";

/** Each line of an incident's timeline says what an event changed, or which people it affects. */

const textOf = (event_type: string, data: object, agent: object | null = null) => {
  const event = PagerDutyEvent.parse({
    id: "E1",
    event_type,
    resource_type: "incident",
    occurred_at: "2026-11-22T03:00:00Z",
    agent,
    data,
  });
  return timelineLineOf(event, effectOf(event))?.text;
};
const incident = { id: "P1", type: "incident_reference", summary: null };
const ann = { id: "PANN", type: "user_reference", summary: "Ann" };
const whole = {
  id: "P1",
  type: "incident",
  service: { id: "PS", summary: "API Service" },
  escalation_policy: { id: "PE", summary: "Default" },
  assignees: [ann, { id: "PBEN", summary: "Ben" }],
};

test("an assigned role gets a line on the timeline of the incident that the event names", () => {
  const event = PagerDutyEvent.parse(roleAssigned.event);
  const effect = effectOf(event);
  expect(effect).toEqual({ kind: "timeline", incidentId: "Q04ROLE0000001" });
  expect(timelineLineOf(event, effect)).toMatchObject({
    kind: "incident.role.assigned",
    text: "Incident Commander: A Responder",
  });
});

describe("the timeline line of an event", () => {
  test.each<[string, object, string]>([
    ["incident.reassigned", whole, "To Ann, Ben"],
    ["incident.escalated", whole, "To Ann, Ben"],
    ["incident.delegated", whole, "To Default"],
    ["incident.service_updated", whole, "API Service"],
    ["incident.priority_updated", { ...whole, priority: { id: "PP", summary: "P1" } }, "P1"],
    ["incident.incident_type.changed", { ...whole, incident_type: { name: "security" } }, "security"],
    ["incident.annotated", { type: "incident_note", incident, content: "Looking" }, "Looking"],
    [
      "incident.task.created",
      { type: "incident_task", incident, title: "Page DBA", assignee: ann },
      "Page DBA: Ann",
    ],
    [
      "incident.task.updated",
      { type: "incident_task", incident, task: { summary: "Page" }, status: "done" },
      "Page (done)",
    ],
    [
      "incident.workflow.started",
      { type: "w", incident, incident_workflow: { summary: "Open Zoom" } },
      "Open Zoom",
    ],
    ["incident.action_invocation.created", { type: "a", incident, action: { name: "Restart" } }, "Restart"],
    [
      "incident.responder.added",
      { type: "incident_responder", incident, user: ann, state: "pending" },
      "Ann (pending)",
    ],
    [
      "incident.conference_bridge.updated",
      { type: "b", incident, conference_url: "https://zoom", conference_numbers: [{ number: "+1 2" }] },
      "https://zoom, +1 2",
    ],
  ])("names what %s changed (case %#)", (type, data, text) => {
    expect(textOf(type, data)).toBe(text);
  });

  test("of an unknown type names the actor, or the type if the event has no actor", () => {
    const data = { type: "incident_something", incident };
    expect(textOf("incident.something_new.started", data, ann)).toBe("By Ann");
    expect(textOf("incident.something_new.started", data)).toBe("something new started");
  });

  test("is absent for a change of status, because folding the event already writes that line", () => {
    expect(textOf("incident.acknowledged", whole)).toBeUndefined();
  });

  test("shortens a long note without splitting a character", () => {
    const text = textOf("incident.annotated", {
      type: "incident_note",
      incident,
      content: "😀".repeat(3000),
    });
    expect(text?.isWellFormed()).toBe(true);
    expect(Array.from(text ?? "")).toHaveLength(2000);
  });
});
