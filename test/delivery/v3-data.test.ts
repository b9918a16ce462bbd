import fc from "fast-check";
import { expect, test } from "vitest";
import { v3EventsOf } from "../../src/delivery/v3-event.ts";
import { boundContext } from "../../src/incidents/context-trim.ts";
import type { Incident } from "../../src/incidents/incident.ts";
import { charCount } from "../../src/incidents/text.ts";
import { alert, anyContext, anyText, LARGE, NO_CONTEXT } from "../support/context.ts";
import { cutByAurora, dumps, hasNullMember, textsOf } from "../support/model.ts";
import { notificationOf } from "../support/stored-notification.ts";

/** Aurora reads these members as text. */
const TEXTS = [
  "id",
  "type",
  "status",
  "title",
  "urgency",
  "html_url",
  "incident_key",
  "created_at",
  "service",
];

const named = fc.record({ id: anyText(200), name: anyText(200) });
const value = fc.oneof(anyText(400), fc.array(anyText(300), { maxLength: 5 }), fc.integer(), fc.boolean());
const incident: fc.Arbitrary<Partial<Incident>> = fc.record(
  {
    title: anyText(2000),
    service: fc.record({ id: fc.constant(null), name: anyText(500) }),
    pagerdutyStatus: fc.oneof(fc.constantFrom("triggered", "acknowledged"), anyText(300)),
    urgency: fc.option(anyText(300)),
    priority: fc.option(anyText(300)),
    url: fc.option(anyText(1000)),
    incidentKey: fc.option(anyText(300)),
    description: fc.option(anyText(9000)),
    assignees: fc.array(named, { maxLength: 20 }),
    teams: fc.array(named, { maxLength: 20 }),
    escalationPolicy: fc.option(named),
    customFields: fc.dictionary(anyText(60), value, { maxKeys: 30 }),
  },
  { requiredKeys: [] },
);
const pagerDutysOwn = fc.dictionary(anyText(20), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 8 });

function made(changed: Partial<Incident>, others: object, context: Parameters<typeof boundContext>[0]) {
  const event = { data: { ...others, id: "PGR0VU2", type: "incident" } };
  const result = v3EventsOf({
    notification: notificationOf("created", changed),
    event,
    recipient: { userId: "alice", orgId: null },
    context: boundContext(context),
  });
  if (result.kind !== "events") throw new Error(result.kind);
  const [triggered, fields] = result.events.map(({ body }) => body.event.data);
  if (!triggered) throw new Error("nothing was made");
  return { triggered, fields };
}
const lengthAtModel = (data: unknown) => charCount(dumps(cutByAurora(data)));

test("a triggered event has at most 14,000 characters for Aurora's language model, and no member is null", () => {
  fc.assert(
    fc.property(incident, pagerDutysOwn, anyContext, (changed, others, context) => {
      const { triggered } = made(changed, others, context);
      expect(lengthAtModel(triggered)).toBeLessThanOrEqual(14_000);
      expect(hasNullMember(triggered)).toBe(false);
    }),
    LARGE,
  );
});

test("members that Aurora reads as text stay text, and no other text has over 250 characters", () => {
  fc.assert(
    fc.property(incident, pagerDutysOwn, anyContext, (changed, others, context) => {
      const { triggered } = made(changed, others, context);
      for (const [name, member] of Object.entries(triggered)) {
        if (TEXTS.includes(name)) expect(member).toBeTypeOf("string");
        else if (name === "priority") expect(member).toMatchObject({ name: expect.any(String) });
        else expect(textsOf(member).every((text) => charCount(text) <= 250)).toBe(true);
      }
      expect(triggered["customFields"]).toBeTypeOf("object");
    }),
    LARGE,
  );
});

test("a triggered event is short enough for Aurora's language model even after Aurora has added the custom fields", () => {
  fc.assert(
    fc.property(incident, anyContext, (changed, context) => {
      const { triggered, fields } = made(changed, {}, context);
      const added = Object.fromEntries(entriesOf(fields?.["custom_fields"]));
      const merged = { ...triggered, customFields: { ...Object(triggered["customFields"]), ...added } };
      expect(lengthAtModel(merged)).toBeLessThanOrEqual(15_000);
    }),
    LARGE,
  );
});

function entriesOf(fields: unknown): [string, unknown][] {
  return Array.isArray(fields) ? fields.map(({ name, value: now }) => [String(name), now]) : [];
}

test("a triggered event with 30 custom fields of ten values each is short enough for Aurora's language model", () => {
  const values = Array.from({ length: 10 }, () => "x".repeat(200));
  const customFields = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`field_${at}`, values]));
  const { triggered, fields } = made({ customFields }, {}, NO_CONTEXT);
  const added = Object.fromEntries(entriesOf(fields?.["custom_fields"]));
  expect(Object.keys(added).length).toBeGreaterThan(10);
  expect(lengthAtModel({ ...triggered, customFields: added })).toBeLessThanOrEqual(15_000);
  expect(dumps(triggered)).toContain("left out]");
});

test("the newest alert's details reach Aurora's language model despite a long description and many custom fields", () => {
  const changed = {
    description: "The checkout is slow. ".repeat(500),
    customFields: Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`field_${at}`, "x".repeat(200)])),
  };
  const stack = Array.from({ length: 400 }, (_, at) => `at frame ${at} of the checkout`).join("\n");
  const alerts = Array.from({ length: 20 }, (_, at) =>
    alert(`PALERT${at}`, {
      createdAt: `2026-11-22T03:00:${59 - at}Z`,
      details: { metric: `p99-${at}`, stack },
    }),
  );
  const { triggered } = made(changed, {}, { ...NO_CONTEXT, alerts });
  const prompt = dumps(cutByAurora(triggered));
  expect(prompt.length).toBeLessThanOrEqual(14_000);
  expect(prompt).toContain('"metric": "p99-0"');
  expect(prompt).toContain("at frame 0 of the checkout");
  expect(prompt).not.toContain("[field truncated]");
});

test("custom fields and a description of ordinary length are sent complete", () => {
  const changed = {
    description: "x".repeat(240),
    customFields: { team: "core", hosts: ["a", "b"], tries: 3 },
  };
  const { triggered, fields } = made(changed, {}, NO_CONTEXT);
  expect(triggered).toMatchObject({
    body: { details: changed.description },
    customFields: changed.customFields,
  });
  expect(Object.fromEntries(entriesOf(fields?.["custom_fields"]))).toEqual(changed.customFields);
});

test("a runbook's URL is not shortened, even among 100 other custom fields", () => {
  const runbook_link = `https://runbooks/${"x".repeat(400)}`;
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`f${at}`, "x".repeat(300)]));
  const { fields } = made({ customFields: { ...many, runbook_link } }, {}, NO_CONTEXT);
  expect(Object.fromEntries(entriesOf(fields?.["custom_fields"]))).toMatchObject({ runbook_link });
});

test("unknown members of PagerDuty's event are sent, and shortened if they are long", () => {
  const others = { resolve_reason: null, incident_type: { name: "major" }, notes: "x".repeat(9000) };
  const { triggered } = made({}, others, NO_CONTEXT);
  expect(triggered).toMatchObject({ incident_type: { name: "major" } });
  expect(triggered).not.toHaveProperty("resolve_reason");
  expect(textsOf(triggered["notes"]).join("")).toMatch(/^x{600,1000}… \[cut\]$/);
});
