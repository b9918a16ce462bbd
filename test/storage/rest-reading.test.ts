import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { parseConfig } from "../../src/config.ts";
import { view } from "../../src/incidents/fold.ts";
import { RestIncidentAnswer } from "../../src/pagerduty/incidents.ts";
import { loadIncident } from "../../src/storage/incidents.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { applyReading } from "../../src/storage/rest-reading.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { receivedWebhook } from "../support/received.ts";

/** The REST API gives times in seconds and can lag behind the events, which have times in milliseconds. */

const T0 = Date.parse("2026-11-22T03:00:00Z");
const iso = (afterMs: number) => new Date(T0 + afterMs).toISOString();
const toTheSecond = (afterMs: number) => iso(afterMs).replace(/\.\d+/, "");
const config = parseConfig({ AURORA_ENV: "dev", CREDENTIALS_KEYS: `k1:${btoa("k".repeat(32))}` });
const INCIDENT = { id: "P1", title: "Down", created_at: toTheSecond(-60_000) };

interface Story {
  /** @param storedAfterMs when the event is stored, by the connector's clock; default: the event's own time */
  event(type: string, afterMs: number, data: object, storedAfterMs?: number): void;
  fieldEvent(afterMs: number, value: string, storedAfterMs?: number): void;
  rest(change: object, askedAfterMs: number, fields?: Record<string, string>): boolean;
  incident(): ReturnType<typeof view>;
  stampId(): string | undefined;
  notified(): string[];
}

/** Times in the story are in milliseconds after `T0`. */
async function play(name: string, work: (story: Story) => void): Promise<void> {
  await runInDurableObject(env.TENANT.getByName(`user:${name}`), (_, { storage }) => {
    migrate(storage);
    const { sql } = storage;
    let serial = 0;
    const post = (event_type: string, afterMs: number, data: object, storedAfterMs = afterMs) => {
      serial += 1;
      const id = `E${serial}`;
      const event = { id, event_type, resource_type: "incident", occurred_at: iso(afterMs), data };
      const receivedAtMs = T0 + storedAfterMs;
      const webhook = receivedWebhook("u", id, JSON.stringify({ event }), { receivedAtMs });
      takeIn({ storage, sql, config, connectedUser: () => "u" }, webhook, "signature", receivedAtMs);
    };
    work({
      event: (type, afterMs, data, storedAfterMs) =>
        post(type, afterMs, { ...INCIDENT, type: "incident", ...data }, storedAfterMs),
      fieldEvent(afterMs, value, storedAfterMs) {
        const data = { type: "incident_field_values", incident: { id: "P1" } };
        const custom_fields = [{ name: "runbook_link", value }];
        post("incident.custom_field_values.updated", afterMs, { ...data, custom_fields }, storedAfterMs);
      },
      rest: (change, askedAfterMs, fields) =>
        applyReading(
          { storage, sql, config, connectedUser: () => "u" },
          {
            incident: RestIncidentAnswer.parse({ ...INCIDENT, ...change }),
            fields: fields
              ? Object.entries(fields).map(([fieldName, value]) => ({ name: fieldName, value }))
              : null,
            askedAtMs: T0 + askedAfterMs,
          },
          {
            kind: "recovery",
            provenance: { webhookId: null, eventId: null, verification: "backfill" },
            analysisCause: () => null,
            requestId: null,
          },
          T0 + askedAfterMs,
        ),
      incident: () => view(loadIncident(sql, "P1")),
      stampId: () => loadIncident(sql, "P1").snapshotStamp?.id,
      notified: () =>
        [...sql.exec("SELECT notification FROM journal WHERE notification IS NOT NULL ORDER BY seq")].map(
          (row) => {
            const { type, change } = JSON.parse(String(row["notification"]));
            return `${type} ${change.kind}`;
          },
        ),
    });
  });
}

test("the time of a REST answer is the latest time in it", () => {
  const at = (change: object) => RestIncidentAnswer.parse({ ...INCIDENT, ...change }).updatedAt;
  expect(at({ updated_at: iso(0), last_status_change_at: iso(2000), resolved_at: iso(1000) })).toBe(
    iso(2000),
  );
  expect(at({ updated_at: iso(0), last_status_change_at: null, resolved_at: iso(1000) })).toBe(iso(1000));
  expect(at({})).toBe(INCIDENT.created_at);
});

test("a REST answer that is read repeatedly changes the incident at most once", async () => {
  await play("again", ({ event, rest, stampId }) => {
    event("incident.triggered", 300, { status: "triggered" });
    const answer = { status: "triggered", updated_at: toTheSecond(300) };
    for (let time = 0; time < 5; time += 1) expect(rest(answer, 5_000 + time)).toBe(false);
    expect(stampId()).toBe("E1");
    const acknowledged = { status: "acknowledged", updated_at: toTheSecond(300) };
    expect(rest(acknowledged, 6_000)).toBe(true);
    for (let time = 0; time < 5; time += 1) expect(rest(acknowledged, 7_000 + time)).toBe(false);
    expect((stampId() ?? "").length).toBeLessThanOrEqual("E1+".length);
  });
});

test("a late webhook does not undo a later REST answer of the same second", async () => {
  await play("late", ({ event, rest, incident, notified }) => {
    event("incident.triggered", -60_000, { status: "triggered" });
    rest({ status: "resolved", updated_at: toTheSecond(500), resolved_at: toTheSecond(500) }, 1_500);
    event("incident.acknowledged", 200, { status: "acknowledged" });
    expect(incident()).toMatchObject({ status: "resolved" });
    expect(notified()).toEqual(["incident.triggered created", "incident.resolved resolved"]);
  });
});

test("an event that occurred after the REST answer is applied, even in the same second", async () => {
  await play("after", ({ event, rest, incident }) => {
    rest({ status: "triggered", updated_at: toTheSecond(0) }, 300);
    event("incident.resolved", 700, { status: "resolved" });
    expect(incident()).toMatchObject({ status: "resolved" });
  });
});

test.each([
  ["REST", "the event"],
  ["the event", "REST"],
])("a resolution that is known from %s and then from %s notifies Aurora only once", async (first) => {
  await play(`resolved by ${first}`, ({ event, rest, incident, notified }) => {
    event("incident.triggered", -60_000, { status: "triggered" });
    const read = () =>
      rest({ status: "resolved", updated_at: toTheSecond(500), resolved_at: toTheSecond(500) }, 5_000);
    if (first === "REST") read();
    event("incident.resolved", 500, { status: "resolved" });
    if (first !== "REST") read();
    expect(notified()).toEqual(["incident.triggered created", "incident.resolved resolved"]);
    expect(incident()).toMatchObject({ resolvedAt: iso(500), version: 2 });
  });
});

test.each([2_000, 30_000])(
  "a custom field event is applied even if the REST API has the old value %i ms later",
  async (lagMs) => {
    await play(`lag of ${lagMs}`, ({ rest, fieldEvent, incident }) => {
      const answer = { status: "triggered", updated_at: toTheSecond(-60_000) };
      rest(answer, lagMs, { runbook_link: "old" });
      fieldEvent(0, "new");
      expect(incident()?.customFields).toEqual({ runbook_link: "new" });
      expect(rest(answer, lagMs + 1_000, { runbook_link: "old" })).toBe(false);
      expect(incident()?.customFields).toEqual({ runbook_link: "new" });
    });
  },
);

test.each([4_000, 120_000, 86_400_000, Date.parse("9999-01-01T00:00:00Z") - T0])(
  "an event with a time %i ms ahead makes other events stale only until REST is read after five minutes",
  async (aheadMs) => {
    await play(`ahead by ${aheadMs}`, ({ event, fieldEvent, rest, incident, notified }) => {
      const minutes = (count: number) => count * 60_000;
      event("incident.triggered", -minutes(1), { status: "triggered" });
      event("incident.acknowledged", aheadMs, { status: "acknowledged", body: { details: "Ahead" } }, 0);
      fieldEvent(aheadMs, "ahead", 0);
      event("incident.resolved", 1_000, { status: "resolved" });
      const answer = {
        status: "resolved",
        updated_at: toTheSecond(1_000),
        resolved_at: toTheSecond(1_000),
      };
      const fields = { runbook_link: "right" };
      expect(rest(answer, minutes(4), fields)).toBe(false);
      expect(incident()).toMatchObject({ status: "investigating" });
      expect(rest(answer, minutes(6), fields)).toBe(true);
      expect(incident()).toMatchObject({ status: "resolved", customFields: fields });
      expect(notified().at(-1)).toBe("incident.resolved resolved");
      expect(rest(answer, minutes(60), fields)).toBe(false);
      event("incident.reopened", minutes(7), { status: "triggered", body: { details: "Again" } });
      fieldEvent(minutes(7), "newest");
      expect(incident()).toMatchObject({
        status: "investigating",
        description: "Again",
        customFields: { runbook_link: "newest" },
      });
    });
  },
);

test("an answer of a REST replica that lags behind by minutes does not reopen a resolved incident", async () => {
  await play("lagging", ({ event, rest, incident }) => {
    const minutes = (count: number) => count * 60_000;
    event("incident.triggered", 0, { status: "triggered" });
    event("incident.resolved", minutes(20), { status: "resolved" });
    const lagging = { status: "triggered", updated_at: toTheSecond(0) };
    expect(rest(lagging, minutes(30))).toBe(false);
    expect(incident()?.status).toBe("resolved");
  });
});

test("a custom field that changed twice in a second, once without a webhook, gets the REST API's value", async () => {
  await play("twice", ({ event, rest, fieldEvent, incident }) => {
    event("incident.triggered", -60_000, { status: "triggered" });
    fieldEvent(200, "first");
    const answer = { status: "triggered", updated_at: toTheSecond(200) };
    expect(rest(answer, 5_000, { runbook_link: "second" })).toBe(true);
    expect(rest(answer, 6_000, { runbook_link: "second" })).toBe(false);
    expect(incident()?.customFields).toEqual({ runbook_link: "second" });
  });
});
