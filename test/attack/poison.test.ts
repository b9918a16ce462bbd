import { beforeEach, describe, expect, test } from "vitest";
import type { Account, Incident } from "../emulator/pagerduty.ts";
import { sign, webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { startWorld } from "../support/world.ts";

/** A malformed event does not affect other events. */

const SECRET = "shared with PagerDuty";

const stage = openStage(() => startWorld({ DELIVERY_SCHEDULE: "0,1" }));
beforeEach(async () => {
  const reply = await stage.call("POST", "", { token: stage.account.apiKey() });
  expect(reply.status).toBe(200);
});

const get = (path: string) => stage.call("GET", path);
const post = (body: string, webhookId: string, secret: string | null = null) =>
  stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-webhook-id": webhookId,
      ...(secret === null ? {} : { "x-pagerduty-signature": sign(secret, body) }),
    },
    body,
  });
const triggered = (options: Parameters<Account["trigger"]>[0] = {}): { incident: Incident; body: string } => {
  const incident = stage.account.trigger({ ...options, silent: true });
  return { incident, body: webhookBody(incident.announce()) };
};
/** 50,000 levels of nesting overflow the stack of any recursive function. */
const deep = (incidentId: string, eventId: string, depth = 50_000): string => {
  const nested = `${"[".repeat(depth)}${"]".repeat(depth)}`;
  return `{"event":{"id":"${eventId}","event_type":"incident.custom_field_values.updated","resource_type":"incident","occurred_at":"${new Date().toISOString()}","data":{"type":"incident_field_values","incident":{"id":"${incidentId}"},"custom_fields":[{"name":"a","value":${nested}}]}}}`;
};

describe("unsigned:", () => {
  test("other webhooks are confirmed even after a webhook that is nested too deeply", async () => {
    const { incident } = triggered();
    expect((await post(deep(incident.id, "E-deep"), "deep")).status).toBe(202);
    await until("the deep webhook to be recorded", async () => (await get("/events/deep")).status === 200);
    const { incident: genuine, body } = triggered();
    expect((await post(body, "genuine")).status).toBe(202);
    await stage.aurora.waitFor("the genuine incident", (aurora) => aurora.of(genuine.id).length > 0);
  });

  test("other webhooks are confirmed even after webhooks with invalid incident ids", async () => {
    const { body } = triggered();
    for (const [index, id] of ["\ud800", ".", "..", "a/b?c#d", "%2e%2e", "\u0000"].entries()) {
      const forged = JSON.parse(body);
      forged.event.data.id = id;
      expect((await post(JSON.stringify(forged), `forged-${index}`)).status).toBe(202);
    }
    const { incident, body: genuineBody } = triggered();
    expect((await post(genuineBody, "genuine")).status).toBe(202);
    await stage.aurora.waitFor("the genuine incident", (aurora) => aurora.of(incident.id).length > 0);
  });

  test("a webhook id with markup does not reach Aurora", async () => {
    const { incident, body } = triggered();
    await post(body, "<img/src=x/onerror=alert(1)>");
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
    expect(JSON.stringify(stage.aurora.accepted)).not.toContain("onerror");
  });
});

describe("signed:", () => {
  beforeEach(async () => {
    const stored = await stage.call("PUT", "/signing-secret", { secret: SECRET });
    expect(stored.status).toBe(200);
  });
  const changed = (body: string, change: object, eventChange: object = {}): string => {
    const parsed = JSON.parse(body);
    parsed.event = { ...parsed.event, ...eventChange };
    parsed.event.data = { ...parsed.event.data, ...change };
    return JSON.stringify(parsed);
  };

  const ODD: [string, object, object][] = [
    ["created_at is no ISO time", { created_at: "1" }, {}],
    ["created_at has no time zone", { created_at: "2026-11-22T03:00:00" }, {}],
    ["created_at is a day", { created_at: "2026-11-22" }, {}],
    ["occurred_at has no time zone", {}, { occurred_at: "2026-11-22T03:00:00" }],
    ["occurred_at is in 1960", {}, { occurred_at: "1960-01-01T00:00:00+14:00" }],
    ["occurred_at is an RFC 822 date", {}, { occurred_at: "Sun, 22 Nov 2026 03:00:00 GMT" }],
    ["html_url is no URL", { html_url: "not a url" }, {}],
    ["status is empty", { status: "" }, {}],
    ["service, title and created_at are missing", { service: null, title: null, created_at: null }, {}],
    ["number is huge", { number: 1e300 }, {}],
    ["keys are named like JavaScript properties", { ["__proto__"]: { polluted: true }, constructor: 1 }, {}],
  ];

  test("an incident reaches Aurora even if a member of its event is malformed", async () => {
    const ids = new Map<string, string>();
    for (const [index, [what, change, eventChange]] of ODD.entries()) {
      const { incident, body } = triggered();
      ids.set(incident.id, what);
      expect((await post(changed(body, change, eventChange), `w-${index}`, SECRET)).status).toBe(202);
    }
    await stage.settled(ODD.length);
    const reached = stage.aurora.distinct.filter(({ type }) => type === "incident.triggered");
    for (const { data } of reached) ids.delete(data.incident.incidentId);
    expect([...ids.values()]).toEqual([]);
  });

  test("a triggered event is processed even if its `data` has the type incident_field_values", async () => {
    const body = JSON.stringify({
      event: {
        id: "E1",
        event_type: "incident.triggered",
        resource_type: "incident",
        occurred_at: "2026-11-22T03:00:00Z",
        data: {
          type: "incident_field_values",
          incident: { id: "PFIELDS" },
          custom_fields: [{ name: "a", value: { deep: ["x".repeat(100_000)] } }],
        },
      },
    });
    expect((await post(body, "w", SECRET)).status).toBe(202);
    await stage.settled(1);
  });

  test.each([1_500, 50_000])("a custom field nested %i levels deep blocks no other event", async (depth) => {
    const { incident, body } = triggered();
    expect((await post(body, "first", SECRET)).status).toBe(202);
    expect((await post(deep(incident.id, "E-deep", depth), "deep", SECRET)).status).toBe(202);
    const { incident: other, body: otherBody } = triggered();
    expect((await post(otherBody, "other", SECRET)).status).toBe(202);
    await stage.settled(3);
    const kinds = stage.aurora.of(incident.id).map(({ data }) => data.change.kind);
    expect(kinds.toSorted()).toEqual(["created", "custom_fields_updated", "rca_requested"]);
    expect(stage.aurora.of(other.id)).toHaveLength(2);
    expect((await get("")).body).toMatchObject({ problems: [] });
    expect((await get(`/incidents/${incident.id}`)).body).toMatchObject({
      customFields: { a: expect.any(String) },
    });
  });

  test("a webhook on the Queue is not lost if its signing secret is replaced", async () => {
    const { incident, body } = triggered();
    expect((await post(body, "w", SECRET)).status).toBe(202);
    await stage.call("DELETE", "/signing-secret");
    await stage.call("PUT", "/signing-secret", { secret: "new" });
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
  });
});
