import { expect, test } from "vitest";
import { effectOf, PagerDutyEvent, readBody, reasonNotUsed } from "../../src/pagerduty/event.ts";

/** Valid events are read by a fast path instead of the schema. */

const VALUES = [undefined, null, "", "x", "incident.triggered", "x".repeat(201), 7, {}, [], ["a"]];
const TIMES = [
  undefined,
  "2026-11-20T10:00:00Z",
  "Fri, 20 Nov 2026 10:00:00 GMT",
  "2026-11-20",
  "yesterday",
  "",
  5,
];
const DATA: unknown[] = [
  undefined,
  null,
  "x",
  [],
  {},
  { type: "incident" },
  { type: "incident", id: "P1", title: 5 },
];
DATA.push({ type: "incident", id: "" }, { type: "incident", id: "x".repeat(201) }, { type: "other" });

const bytes = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));

test("the fast path accepts exactly the values that the schema accepts", () => {
  for (const id of VALUES)
    for (const event_type of VALUES)
      for (const occurred_at of TIMES)
        for (const data of DATA) {
          const event = JSON.parse(
            JSON.stringify({ id, event_type, occurred_at, data, resource_type: "incident" }),
          );
          const read = readBody(bytes({ event }));
          const parsed = PagerDutyEvent.safeParse(event);
          expect(read.ok).toBe(parsed.success);
          if (!read.ok || !parsed.success) continue;
          expect({ ...read.event, data: read.event.data ?? null }).toEqual({
            ...parsed.data,
            data: parsed.data.data ?? null,
          });
          const effect = effectOf(read.event);
          expect(reasonNotUsed(read.event)).toBe(effect.kind === "none" ? effect.reason : null);
        }
});

test("`reasonNotUsed` and `effectOf` agree on whether an event is used", () => {
  for (const event_type of ["incident.triggered", "service.updated", "pagey.ping"])
    for (const type of ["incident", "incident_field_values", "incident_note"])
      for (const incident of [undefined, {}, { id: 5 }, { id: "" }, { id: "P1" }])
        for (const custom_fields of [undefined, {}, [], [{}]]) {
          const event = eventOf(event_type, { type, incident, custom_fields });
          const effect = effectOf(event);
          expect(reasonNotUsed(event)).toBe(effect.kind === "none" ? effect.reason : null);
        }
});

test.each([[null], ["x"], [[]], [{}], [{ event: [] }], [{ event: "x" }]])(
  "the body %j is refused, because it is not an event",
  (json) => {
    expect(readBody(bytes(json))).toMatchObject({ ok: false });
  },
);

const eventOf = (event_type: string, data: object) => {
  const read = readBody(
    bytes({ event: { id: "E1", event_type, resource_type: "incident", occurred_at: TIMES[1], data } }),
  );
  if (!read.ok) throw new Error(read.problem);
  return read.event;
};

test.each([null, "x", {}, { name: null, value: 1 }])(
  "a malformed custom field (%j) does not affect the others",
  (odd) => {
    const data = {
      type: "incident_field_values",
      incident: { id: "P1" },
      custom_fields: [odd, { name: "runbook_link", value: "https://runbook" }],
    };
    expect(effectOf(eventOf("incident.custom_field_values.updated", data))).toMatchObject({
      fields: [{ name: "runbook_link", value: "https://runbook" }],
    });
  },
);

test.each([
  ["incident.resolved", null, "resolved"],
  ["incident.acknowledged", "", "acknowledged"],
  ["incident.resolved", "triggered", "triggered"],
  ["incident.escalated", null, null],
])("in the event %s, an incident with the status %j is read with the status %j", (type, status, expected) => {
  expect(effectOf(eventOf(type, { type: "incident", id: "P1", status }))).toMatchObject({
    data: { status: expected },
  });
});
