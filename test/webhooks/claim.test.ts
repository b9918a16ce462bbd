import { expect, test } from "vitest";
import { RestIncidentAnswer } from "../../src/pagerduty/incidents.ts";
import { agreementOf, claimOf, isTriggerOf } from "../../src/webhooks/claim.ts";

/**
 * An unsigned webhook is compared later with PagerDuty's answer about its incident. If the body is large, only the part
 * that the comparison needs is stored.
 */

const KIB = 1024;
const OCCURRED_AT = "2026-11-22T03:00:00.500Z";
const bytes = (text: string) => new TextEncoder().encode(text);
const bodyOf = (data: object, more: object = {}) =>
  bytes(
    JSON.stringify({
      event: {
        id: "E1",
        event_type: "incident.triggered",
        resource_type: "incident",
        occurred_at: OCCURRED_AT,
        data,
        ...more,
      },
    }),
  );
const INCIDENT = {
  id: "P1",
  type: "incident",
  title: "Down",
  status: "triggered",
  urgency: "high",
  priority: { summary: "P1" },
  service: { id: "S1" },
};
const FIELDS = {
  type: "incident_field_values",
  incident: { id: "P1" },
  custom_fields: [{ name: "runbook_link", value: "https://runbook" }],
};
const filler = "x".repeat(100 * KIB);
const readingAt = (updatedAt: string) => ({
  incident: RestIncidentAnswer.parse({ ...INCIDENT, updated_at: updatedAt }),
  fields: FIELDS.custom_fields,
  askedAtMs: Date.parse(OCCURRED_AT),
});
const reading = readingAt("2026-11-22T03:00:00Z");
const CREATED_AT = "2026-11-22T03:00:00Z";
const createdReading = {
  ...reading,
  incident: RestIncidentAnswer.parse({ ...INCIDENT, created_at: CREATED_AT, updated_at: CREATED_AT }),
};

test("a body of usual size is stored unchanged", () => {
  const body = bodyOf(INCIDENT);
  expect(claimOf(body)).toBe(body);
});

test.each([
  ["an incident", INCIDENT],
  ["custom fields", FIELDS],
])(
  "only the compared part of a large body with %s is stored, and the comparison gives the same result",
  (_, data) => {
    for (const body of [bodyOf(data, { filler }), bodyOf({ ...data, filler })]) {
      const claim = claimOf(body);
      expect(claim.byteLength).toBeLessThan(KIB);
      expect(agreementOf(claim, reading, false)).toBe("agrees");
    }
  },
);

test.each([
  ["a body with a very long title", bodyOf({ ...INCIDENT, title: filler })],
  ["a deeply nested body", bytes(`{"event":${"[".repeat(50_000)}${"]".repeat(50_000)}}`)],
  ["a body that is not JSON", bytes(filler)],
])("only the beginning of %s is stored", (_, body) => {
  expect(claimOf(body).byteLength).toBeLessThanOrEqual(4 * KIB);
});

test("a body whose title differs from PagerDuty's answer is `disagrees`, or `behind` if the answer is older than the body", () => {
  const forged = bodyOf({ ...INCIDENT, title: "Forged" });
  expect(agreementOf(forged, reading, false)).toBe("disagrees");
  expect(agreementOf(forged, readingAt("2026-11-22T02:59:59Z"), false)).toBe("behind");
  expect(agreementOf(bodyOf(INCIDENT), readingAt("2026-11-22T02:59:59Z"), false)).toBe("agrees");
});

test("a custom field event is `unknown` if the custom fields could not be read, and `disagrees` if the incident has no custom fields", () => {
  expect(agreementOf(bodyOf(FIELDS), { ...reading, fields: null }, true)).toBe("unknown");
  expect(agreementOf(bodyOf(FIELDS), { ...reading, fields: null }, false)).toBe("disagrees");
});

test("a custom field event without valid custom fields never agrees with PagerDuty's answer", () => {
  for (const custom_fields of [[], [{ name: 7 }]]) {
    expect(agreementOf(bodyOf({ ...FIELDS, custom_fields }), reading, false)).toBe("disagrees");
  }
});

test("an event that changes nothing of the incident itself, such as a note, is `not_shown`, even if its body is large", () => {
  const note = { type: "incident_note", incident: { id: "P1" }, content: "Looking" };
  for (const body of [bodyOf(note), claimOf(bodyOf({ ...note, filler }))]) {
    expect(agreementOf(body, reading, false)).toBe("not_shown");
  }
});

test("a different status gives `agrees` if the incident changed in the same second as the event, and `behind` if it last changed a day before the event", () => {
  const resolved = RestIncidentAnswer.parse({
    ...INCIDENT,
    status: "resolved",
    updated_at: "2026-11-22T03:00:00Z",
  });
  const incident = { ...reading, incident: resolved };
  expect(agreementOf(bodyOf(INCIDENT), incident, false)).toBe("agrees");
  const late = bodyOf(INCIDENT, { occurred_at: "2026-11-23T03:00:00Z" });
  expect(agreementOf(late, incident, false)).toBe("behind");
});

test("an `incident.triggered` webhook with the incident's time of creation proves the trigger, even if the incident has changed since", () => {
  const changed = { ...INCIDENT, title: "Down?", priority: null, created_at: CREATED_AT };
  expect(isTriggerOf(bodyOf(changed), createdReading)).toBe(true);
  expect(agreementOf(bodyOf(changed), createdReading, false)).toBe("disagrees");
});

test.each([
  ["with another time of creation", bodyOf({ ...INCIDENT, created_at: "2026-11-22T02:59:59Z" })],
  ["without a time of creation", bodyOf(INCIDENT)],
  [
    "after the incident's last change",
    bodyOf({ ...INCIDENT, created_at: CREATED_AT }, { occurred_at: "2026-11-22T03:00:01Z" }),
  ],
  [
    "that is not a trigger",
    bodyOf({ ...INCIDENT, created_at: CREATED_AT }, { event_type: "incident.resolved" }),
  ],
  ["without an incident", bodyOf(FIELDS)],
])("a webhook %s proves no trigger", (_, body) => {
  expect(isTriggerOf(body, createdReading)).toBe(false);
});
