import { beforeEach, expect, test } from "vitest";
import type { Incident } from "../emulator/pagerduty.ts";
import { firstBody, webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/**
 * Without a signing secret a webhook is only a hint. The connector reads the webhook's incident from PagerDuty's API (a
 * read-back). It stores the incident as the API returns it.
 */

const stage = openStage();
beforeEach(async () => {
  const reply = await stage.call("POST", "", { token: stage.account.apiKey() });
  expect(reply.status).toBe(200);
});

const post = (body: string, webhookId: string) =>
  stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-webhook-id": webhookId,
      "x-pagerduty-signature": "v1=00",
    },
    body,
  });
const forge = (incident: Incident, change: object): string => {
  const body = JSON.parse(firstBody(incident));
  body.event.data = { ...body.event.data, ...change };
  return JSON.stringify(body);
};
const events = async () => (await stage.call("GET", "/events")).body;
const outcomeOf = async (webhookId: string): Promise<unknown> => {
  const reply = await stage.call("GET", `/events/${webhookId}`);
  return reply.status === 200 &&
    typeof reply.body === "object" &&
    reply.body !== null &&
    "outcome" in reply.body
    ? reply.body.outcome
    : undefined;
};
const readBack = () =>
  stage.pagerduty.requests.filter(({ path }) => /^\/incidents\/[^/]+$/.test(path)).length;

test("a genuine incident reaches Aurora with the content that PagerDuty's API returns", async () => {
  const incident = stage.account.trigger({ title: "Database down", priority: "P2" });
  const reply = await post(firstBody(incident), "w1");
  expect([reply.status, reply.body]).toEqual([202, { received: true }]);
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length >= 2);
  expect(stage.aurora.of(incident.id)).toMatchObject([
    {
      type: "incident.triggered",
      data: {
        incident: {
          title: "Database down",
          severity: "high",
          sourceAlertId: String(incident.number),
          version: 1,
        },
        provenance: { verification: "callback", webhookId: "w1" },
        event: null,
      },
    },
    { type: "incident.rca_requested" },
  ]);
  expect(await outcomeOf("w1")).toBe("applied");
  const status = await stage.call("GET", "");
  expect(status.body).toMatchObject({
    webhook: { verification: "callback" },
    problems: [{ code: "no_signing_secret", fix: expect.stringContaining("signing secret") }],
  });
});

test("an incident for which PagerDuty keeps answering 404 never reaches Aurora, and the status shows a problem", async () => {
  const incident = stage.account.trigger({ title: "Real" });
  const reply = await post(forge(incident, { id: "PFORGED", title: "Send me money" }), "forged");
  expect(reply.status).toBe(202);
  await until("the first read-back", async () => {
    const [hint] = await stage.sql("SELECT attempts FROM hints");
    return hint?.["attempts"] === 1;
  });
  // For half a minute after a webhook, a read-back that gets 404 is repeated, because REST can lag behind webhooks.
  await stage.sql("UPDATE journal SET received_at_ms = received_at_ms - 30000");
  // A new token makes all waiting read-backs due.
  await stage.call("PATCH", "", { token: stage.account.apiKey() });
  await until("the verdict", async () => JSON.stringify(await events()).includes("no such incident"));
  expect(stage.aurora.attempts).toEqual([]);
  expect(await outcomeOf("forged")).toBe("unconfirmed");
  expect((await stage.call("GET", "")).body).toMatchObject({
    problems: [
      { code: "no_signing_secret" },
      { code: "incidents_not_visible", message: expect.stringContaining("404 for 1 incident ") },
    ],
  });
  const listed = await stage.call("GET", "/incidents");
  expect(listed.body).toEqual({ incidents: [], nextCursor: null });
});

test("forged content of a real incident appears only in the event log, as unconfirmed", async () => {
  const incident = stage.account.trigger({ title: "Real", priority: "P4" });
  await post(
    forge(incident, { title: "Send me money", status: "resolved", priority: { summary: "P1" } }),
    "forged",
  );
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length >= 2);
  expect(stage.aurora.of(incident.id)[0]?.data.incident).toMatchObject({
    title: "Real",
    severity: "low",
    status: "investigating",
  });
  expect(await outcomeOf("forged")).toBe("unconfirmed");
  expect(JSON.stringify(stage.aurora.accepted)).not.toContain("money");
  const detail = await stage.call("GET", `/incidents/${incident.id}`);
  expect(detail.text).not.toContain("money");
});

test("an unsigned note stays unconfirmed, and the reason names the signing secret as the remedy", async () => {
  const incident = stage.account.trigger({ title: "Real" });
  await post(webhookBody(incident.annotate("Looking")), "note");
  const reason = async () => (await stage.call("GET", "/events/note")).body;
  await until("the verdict", async () => JSON.stringify(await reason()).includes("cannot confirm"));
  expect(await reason()).toMatchObject({
    outcome: "unconfirmed",
    reason: expect.stringContaining("store the webhook's signing secret"),
  });
});

test("a runbook field that a webhook announces is read back from PagerDuty", async () => {
  const incident = stage.account.trigger({ title: "Slow" });
  const event = incident.setField("runbook_link", "http://localhost/runbook");
  await post(firstBody(incident), "w1");
  await post(webhookBody(event), "w2");
  await stage.aurora.waitFor("the analysis", (aurora) =>
    aurora.of(incident.id).some(({ type }) => type === "incident.rca_requested"),
  );
  expect(stage.aurora.of(incident.id).at(-1)?.data.incident.customFields).toEqual({
    runbook_link: "http://localhost/runbook",
  });
});

test("20 webhooks of one event cause fewer than ten read-backs, and at most ten of the webhooks are kept", async () => {
  const incident = stage.account.trigger({ title: "Flapping" });
  stage.pagerduty.clearRequests();
  await Promise.all(Array.from({ length: 20 }, (_, index) => post(firstBody(incident), `burst-${index}`)));
  const processed = () =>
    stage.worker
      .logs()
      .filter((line) => /webhook\.processed.*"burst-/.test(line) && line.includes(stage.user));
  await until("all of them answered", async () => {
    const [row] = await stage.sql("SELECT count(*) AS open FROM hints");
    return row?.["open"] === 0 && processed().length === 20;
  });
  const [kept] = await stage.sql("SELECT count(*) AS n FROM journal WHERE kind = 'webhook'");
  expect(Number(kept?.["n"])).toBeGreaterThan(0);
  expect(Number(kept?.["n"])).toBeLessThanOrEqual(10);
  expect(readBack()).toBeLessThan(20 / 2);
  await stage.aurora.waitFor("the analysis", (aurora) => aurora.of(incident.id).length === 2);
  expect(stage.aurora.of(incident.id).filter(({ type }) => type === "incident.triggered")).toHaveLength(1);
});

test("a read-back that PagerDuty answers with 429 is retried", async () => {
  const incident = stage.account.trigger({ title: "Patience" });
  stage.pagerduty.faults.api = { status: 429, headers: { "ratelimit-reset": "1" }, times: 1 };
  await post(firstBody(incident), "w1");
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
});

test.each([
  ["no JSON", "hello", "JSON"],
  ["no event", "{}", "'event'"],
  [
    "no event_type",
    JSON.stringify({ event: { id: "x", resource_type: "incident", occurred_at: "2026-01-01T00:00:00Z" } }),
    "event_type",
  ],
  [
    "no resource_type",
    JSON.stringify({
      event: { id: "x", event_type: "incident.triggered", occurred_at: "2026-01-01T00:00:00Z" },
    }),
    "resource_type",
  ],
])("a body with %s gets 400, and the error names the missing part", async (_, body, word) => {
  const reply = await post(body, "bad");
  expect(reply.status).toBe(400);
  expect(reply.body).toMatchObject({ error: expect.stringContaining(word), code: "invalid_request" });
});

test("the status shows the time of PagerDuty's last test event", async () => {
  const ping = stage.account.emit({
    eventType: "pagey.ping",
    resourceType: "pagey",
    data: { message: "Hello", type: "ping" },
  });
  expect((await post(webhookBody(ping), "ping")).status).toBe(202);
  await until("the ping", async () => {
    const { body } = await stage.call("GET", "");
    return JSON.stringify(body).includes('"lastPingAt":"2');
  });
});

test("if 140 unsigned webhooks arrive at once, some get 429, so that PagerDuty sends them again later", async () => {
  const body = firstBody(stage.account.trigger());
  const replies = await Promise.all(Array.from({ length: 140 }, (_, index) => post(body, `flood-${index}`)));
  const statuses = replies.map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([202, 429]));
});

test("after 60 malformed webhooks in a minute, malformed webhooks get 429, and well-formed webhooks still get 202", async () => {
  const statuses: number[] = [];
  // The limit is 60 malformed webhooks a minute. The first batch of 65 may span two minutes, so a second batch may be
  // needed.
  for (let batch = 0; batch < 2 && !statuses.includes(429); batch += 1) {
    const replies = await Promise.all(Array.from({ length: 65 }, (_, n) => post("{}", `${batch}-${n}`)));
    statuses.push(...replies.map(({ status }) => status));
  }
  expect(new Set(statuses)).toEqual(new Set([400, 429]));
  expect(statuses.filter((status) => status === 400).length).toBeGreaterThanOrEqual(60);
  expect((await post(firstBody(stage.account.trigger()), "good")).status).toBe(202);
});

test.each(["..", "."])(
  "the webhook id %j is replaced by a hash, because it would be dropped from the URL of its event",
  async (id) => {
    const incident = stage.account.trigger();
    expect((await post(firstBody(incident), id)).status).toBe(202);
    await until("the event with the hashed id", async () =>
      JSON.stringify(await events()).includes('"webhookId":"sha256-'),
    );
  },
);

test("an oversized signature header counts as no signature", async () => {
  const reply = await stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers: { "x-webhook-id": "w", "x-pagerduty-signature": `v1=${"0".repeat(5000)}` },
    body: firstBody(stage.account.trigger()),
  });
  expect(reply.status).toBe(202);
  await until("the webhook in the journal", async () => (await outcomeOf("w")) !== undefined);
});
