import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { configOf } from "../../src/config.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore } from "../../src/connection/store.ts";
import { ALL_EVENTS } from "../../src/storage/lists/entry-list.ts";
import { ALL_INCIDENTS } from "../../src/storage/lists/incident-list.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { eventPage, incidentDetail, incidentPage } from "../../src/tenant/views.ts";
import { Intake, takeIn } from "../../src/webhooks/intake.ts";
import { ParkedWebhooks, park } from "../../src/webhooks/parked.ts";
import { Verifier } from "../../src/webhooks/verify.ts";
import { receivedWebhook } from "../support/received.ts";
import { configWith } from "./connected-context.ts";

/** Answers stay small, however much is stored, because an RPC answer can have at most 32 MiB. */

const MIB = 1024 * 1024;
const LONG = "☃".repeat(50_000);
/**
 * A page has 100 incidents, and an RPC needs up to two bytes for a character. With incidents of this length, the page
 * takes 16 of the 32 MiB.
 */
const MAX_LISTED_CHARS = (16 * MIB) / 100 / 2;

function webhookOf(id: string, eventType: string, data: object, occurred_at = "2026-11-22T03:00:00Z") {
  const event = { id: `E${id}`, event_type: eventType, resource_type: "incident", occurred_at, data };
  return receivedWebhook("u", id, JSON.stringify({ event }), { requestId: "r" });
}

const inStorage = <T>(user: string, work: (storage: DurableObjectStorage) => T | Promise<T>): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`user:${user}`), async (_, { storage }) => {
    migrate(storage);
    return work(storage);
  });

test("long incidents are shortened in a list, and complete in the answer for one incident", async () => {
  const { page, detail } = await inStorage("long", (storage) => {
    const { sql } = storage;
    const context = { storage, sql, config: configOf(env), connectedUser: () => "u" };
    const fields = Array.from({ length: 30 }, (_, n) => ({ name: `f${n}`, value: LONG.slice(0, 2500) }));
    const list = { name: "a_list", value: Array(100).fill("x".repeat(100)) };
    for (let i = 0; i < 3; i += 1) {
      const incident = { type: "incident", id: `P${i}`, title: LONG.slice(0, 5000), body: { details: LONG } };
      takeIn(context, webhookOf(`t${i}`, "incident.triggered", incident), "signature", 1);
      const custom_fields = [{ name: "team", value: "a" }, list, ...fields];
      const values = { type: "incident_field_values", incident: { id: `P${i}` }, custom_fields };
      takeIn(context, webhookOf(`f${i}`, "incident.custom_field_values.updated", values), "signature", 1);
    }
    return {
      page: incidentPage(sql, { ...ALL_INCIDENTS, limit: 100, counts: false }).incidents,
      detail: incidentDetail(sql, "P0"),
    };
  });
  expect(page).toHaveLength(3);
  for (const incident of page) expect(JSON.stringify(incident).length).toBeLessThan(MAX_LISTED_CHARS);
  expect(page[0]?.description).toBe(`${LONG.slice(0, 2000)}…`);
  expect(page[0]?.customFields).toMatchObject({ team: "a", a_list: expect.stringMatching(/^\["x+.*…$/) });
  expect(detail.description).toBe(LONG);
  expect(Object.keys(detail.customFields)).toHaveLength(32);
});

test("an incident is shown with its newest 500 timeline lines and 500 events, however many there are", async () => {
  const detail = await inStorage("busy", (storage) => {
    const { sql } = storage;
    const context = { storage, sql, config: configOf(env), connectedUser: () => "u" };
    const incident = { type: "incident", id: "P", title: "t", status: "triggered" };
    takeIn(context, webhookOf("first", "incident.triggered", incident), "signature", 1);
    for (let i = 0; i < 600; i += 1) {
      const note = { type: "incident_note", incident: { id: "P" }, content: `note ${i}` };
      takeIn(context, webhookOf(`n${i}`, "incident.annotated", note), "signature", 1);
    }
    for (let i = 0; i < 600; i += 1) {
      takeIn(context, webhookOf(`u${i}`, "incident.triggered", incident), "callback", 1);
    }
    return incidentDetail(sql, "P");
  });
  expect(detail.timeline).toHaveLength(500);
  expect(detail.timeline.at(-1)).toEqual({
    at: "2026-11-22T03:00:00Z",
    kind: "incident.annotated",
    from: null,
    to: null,
    text: "note 599",
  });
  expect(detail.events).toHaveLength(500);
  expect(detail.events.at(-1)).toMatchObject({ webhookId: "u599" });
});

test("an incident is shown with its newest 50 deliveries, each with its state", async () => {
  const detail = await inStorage("changing", (storage) => {
    const { sql } = storage;
    const context = { storage, sql, config: configWith({}), connectedUser: () => "u" };
    for (let i = 0; i < 60; i += 1) {
      const incident = { type: "incident", id: "P", title: `title ${i}`, status: "triggered" };
      const occurredAt = new Date(Date.UTC(2026, 10, 22, 3, i)).toISOString();
      takeIn(context, webhookOf(`c${i}`, "incident.triggered", incident, occurredAt), "signature", 1);
    }
    return incidentDetail(sql, "P");
  });
  expect(detail.deliveries).toHaveLength(50);
  expect(detail.deliveries.at(-1)).toMatchObject({
    state: "pending",
    webhookId: "c59",
    version: 60,
    incident: { title: "title 59" },
  });
});

test("all webhooks that were stored as failed are retried, a few at a time", async () => {
  const worked = await inStorage("parked", async (storage) => {
    const config = configOf(env);
    const { sql } = storage;
    const account = new ConnectionStore(storage, env.CONNECTIONS, createKeyring(config.credentialsKeys));
    const gate = new Verifier(account);
    const context = { storage, sql, config, connectedUser: () => "u" };
    const parked = new ParkedWebhooks(context, gate, new Intake(context, gate));
    for (let i = 0; i < 45; i += 1) {
      const incident = { type: "incident", id: `P${i}`, title: "t", status: "triggered" };
      park(sql, webhookOf(`w${i}`, "incident.triggered", incident), "signature");
    }
    const connection = { tenantId: "user:u", connectionId: "c", userId: "u" };
    const some = await parked.retry(["w3", "w7", "unknown"], connection);
    const rest = await parked.retry(null, connection);
    const page = eventPage(sql, { ...ALL_EVENTS, limit: 100, counts: false });
    return { some, rest, outcomes: new Set(page.events.map(({ outcome }) => outcome)) };
  });
  expect(worked).toEqual({ some: 2, rest: 43, outcomes: new Set(["applied"]) });
});

test("the lines of a timeline are sorted by time, whatever the order of arrival", async () => {
  const texts = await inStorage("timeline", (storage) => {
    const { sql } = storage;
    const context = { storage, sql, config: configOf(env), connectedUser: () => "u" };
    const take = (id: string, type: string, data: object, second: string) =>
      takeIn(context, webhookOf(id, type, data, `2026-11-22T03:00:${second}Z`), "signature", 1);
    const note = (content: string) => ({ type: "incident_note", incident: { id: "P1" }, content });
    take("n3", "incident.annotated", note("third"), "30.500");
    take("n1", "incident.annotated", note("first"), "10.500");
    take("t", "incident.triggered", { type: "incident", id: "P1", title: "Down" }, "00");
    take("n2", "incident.annotated", note("second"), "20.500");
    return incidentDetail(sql, "P1").timeline.map(({ text }) => text);
  });
  expect(texts).toEqual([null, "first", "second", "third"]);
});
