import { afterEach, beforeEach, expect, test } from "vitest";
import type * as z from "zod";
import { type Account, type Incident, type PagerDuty, startPagerDuty } from "./pagerduty.ts";
import * as schemas from "./schemas.ts";

const KNOWLEDGE = {
  alerts: [
    {
      id: "PA1",
      summary: "CPU is high",
      severity: "critical" as const,
      createdAt: "2026-11-22T03:00:00Z",
      details: { cpu: "99 %" },
      links: [{ href: "https://grafana.example.com/d/1", text: "Graph" }],
    },
    {
      id: "PA2",
      summary: "CPU is very high",
      severity: "error" as const,
      createdAt: "2026-11-22T03:05:00Z",
      details: "text",
      links: [],
    },
  ],
  changes: [
    {
      summary: "Deployed",
      timestamp: "2026-11-22T02:00:00Z",
      reason: "most_recent" as const,
      details: { build: 2 },
    },
  ],
  past: [{ id: "PP1", title: "CPU was high", createdAt: "2026-10-01T00:00:00Z", score: 46.8 }],
  related: [{ id: "PR1", title: "Queue is long", createdAt: "2026-11-22T02:59:00Z" }],
};

let pagerduty: PagerDuty;
let account: Account;
let incident: Incident;

beforeEach(async () => {
  pagerduty = await startPagerDuty();
  account = pagerduty.account();
  incident = account.trigger({ knowledge: KNOWLEDGE });
});
afterEach(() => pagerduty.close());

async function call(path: string, init: { token?: string; from?: string; content?: string } = {}) {
  const response = await fetch(`${pagerduty.apiUrl}/incidents/${incident.id}/${path}`, {
    method: init.content === undefined ? "GET" : "POST",
    headers: {
      accept: "application/vnd.pagerduty+json;version=2",
      authorization: `Token token=${init.token ?? account.apiKey()}`,
      "content-type": "application/json",
      ...(init.from === undefined ? {} : { from: init.from }),
    },
    ...(init.content === undefined ? {} : { body: JSON.stringify({ note: { content: init.content } }) }),
  });
  return { status: response.status, body: await response.json() };
}

async function read<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
  const { status, body } = await call(path);
  expect(status).toBe(200);
  return schema.parse(body);
}

test("alerts, changes, similar incidents and notes fit PagerDuty's OpenAPI", async () => {
  const { alerts } = await read("alerts?limit=1&sort_by=created_at:desc", schemas.AlertsAnswer);
  expect(alerts).toMatchObject([{ id: "PA2", body: { details: "text" } }]);
  const { change_events } = await read("related_change_events?limit=10", schemas.ChangesAnswer);
  expect(change_events).toMatchObject([{ correlation_reason: { reason: "most_recent" } }]);
  const { past_incidents } = await read("past_incidents?limit=10", schemas.PastIncidentsAnswer);
  expect(past_incidents).toMatchObject([{ incident: { id: "PP1" }, score: 46.8 }]);
  const { related_incidents } = await read(
    "related_incidents?additional_details[]=incident",
    schemas.RelatedIncidentsAnswer,
  );
  expect(related_incidents).toMatchObject([{ incident: { id: "PR1", title: "Queue is long" } }]);
});

test("a written note can be read, and an account-level key must name a user to write a note", async () => {
  const written = await call("notes", { content: "Looking" });
  const { note } = schemas.NoteAnswer.parse(written.body);
  incident.annotate("Found it");
  const { notes } = await read("notes", schemas.NotesAnswer);
  expect(notes.map(({ content }) => content)).toEqual(["Found it", "Looking"]);
  expect(notes[1]?.id).toBe(note.id);
  const token = account.apiKey({ kind: "account" });
  expect((await call("notes", { token, content: "x" })).status).toBe(400);
  expect((await call("notes", { token, content: "x", from: "nobody@example.com" })).status).toBe(400);
  expect((await call("notes", { token, content: "x", from: account.user.email })).status).toBe(200);
  expect((await call("notes", { token: account.apiKey({ write: false }), content: "x" })).status).toBe(403);
});

test("an answer with the fault `cut` ends in the middle of its body", async () => {
  pagerduty.faults.api = { cut: true };
  await expect(call("alerts")).rejects.toThrow();
});
