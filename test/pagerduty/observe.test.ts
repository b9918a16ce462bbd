import { expect, test } from "vitest";
import { IncidentData } from "../../src/pagerduty/event.ts";
import { RestIncidentAnswer } from "../../src/pagerduty/incidents.ts";
import { snapshotOf } from "../../src/pagerduty/observe.ts";

const reference = (type: string, id: string, summary: string | null) => ({
  id,
  type: `${type}_reference`,
  summary,
  self: `https://api.pagerduty.com/${type}s/${id}`,
  html_url: null,
});
const ann = reference("user", "PANN", "Ann");
const ben = reference("user", "PBEN", "Ben");
const COMMON = {
  id: "P1",
  title: "Down",
  status: "triggered",
  service: reference("service", "PSVC", "API Service"),
  teams: [reference("team", "PTEAM", "Engineering")],
  escalation_policy: reference("escalation_policy", "PEP", "Default"),
};

const fromWebhook = (incident: object) =>
  snapshotOf(IncidentData.parse({ ...COMMON, type: "incident", ...incident }));
const fromRest = (incident: object) => RestIncidentAnswer.parse({ ...COMMON, ...incident }).snapshot;

test("a webhook and a REST answer give the same people, teams and policy, even if they list people in different orders", () => {
  const webhook = fromWebhook({ assignees: [ben, ann] });
  expect(webhook).toMatchObject({
    assignees: [
      { id: "PANN", name: "Ann" },
      { id: "PBEN", name: "Ben" },
    ],
    teams: [{ id: "PTEAM", name: "Engineering" }],
    escalationPolicy: { id: "PEP", name: "Default" },
  });
  const assignments = [ann, ben].map((assignee) => ({ at: "2026-11-20T10:00:00Z", assignee }));
  expect(fromRest({ assignments })).toEqual(webhook);
});

test("a resolved incident has no assignees, even if PagerDuty still lists some", () => {
  expect(fromWebhook({ status: "resolved", assignees: [ann] }).assignees).toEqual([]);
  expect(fromRest({ status: "resolved", assignments: [] }).assignees).toEqual([]);
});

test.each([undefined, null, "x", 7, {}, [], [null], [{ summary: "nobody" }]])(
  "malformed people, teams and policies (%j) are left out, and everything else is read",
  (odd) => {
    const snapshot = fromWebhook({ assignees: odd, teams: odd, escalation_policy: odd });
    expect(snapshot).toMatchObject({ title: "Down", assignees: [], teams: [], escalationPolicy: null });
  },
);

test("a missing summary is replaced by the id, and the list of assignees has a limited size", () => {
  const many = Array.from({ length: 500 }, (_, index) => reference("user", `P${index}`, "x".repeat(5000)));
  const { assignees, teams } = fromWebhook({
    assignees: many,
    teams: [reference("team", "PTEAM", null)],
  });
  expect(teams).toEqual([{ id: "PTEAM", name: "PTEAM" }]);
  expect(JSON.stringify(assignees).length).toBeLessThan(10_000);
});

test("an incident's number may be a text of digits, and any other text counts as no number", () => {
  const numbers = (number: unknown) => [
    RestIncidentAnswer.parse({ ...COMMON, incident_number: number }).number,
    IncidentData.parse({ ...COMMON, type: "incident", number }).number ?? null,
  ];
  expect(numbers("12")).toEqual([12, 12]);
  expect(numbers("none")).toEqual([null, null]);
});

test("a blank title counts as missing and a very long text is shortened, so that every incident can be stored", () => {
  expect(fromWebhook({ title: "  " }).title).toBe("Untitled Incident");
  expect(fromRest({ title: "a".repeat(3_000) }).title).toHaveLength(2_000);
  const body = { details: "a".repeat(100_000) };
  expect(RestIncidentAnswer.parse({ ...COMMON, body }).description).toHaveLength(50_000);
});
