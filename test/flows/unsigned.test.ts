import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Account, Incident, WebhookEvent } from "../emulator/pagerduty.ts";
import { sign, webhookBody } from "../emulator/pagerduty.ts";
import { holdNext } from "../support/held-call.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/**
 * Without a signing secret, no webhook from PagerDuty is lost, and forged webhooks cannot fill the storage. A read-back
 * asks PagerDuty for the incident of an unsigned webhook, to confirm the webhook.
 */

const KIB = 1024;
const FILLER = "x".repeat(240 * KIB);
const RUNBOOK = "http://localhost/runbook";

let token: string;

const stage = openStage();
beforeEach(async () => {
  token = stage.account.apiKey();
  expect((await call("POST", "", { token })).status).toBe(200);
  stage.pagerduty.clearRequests();
});
// Stops the test's read-backs, which would otherwise meet the faults of the next test.
afterEach(() => call("DELETE", ""));

const { call } = stage;
const post = async (body: string, webhookId: string, signature = "v1=00") => {
  const headers = { "x-webhook-id": webhookId, "x-pagerduty-signature": signature };
  const reply = await stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers,
    body,
  });
  expect(reply.status).toBe(202);
};
const bodyOf = (event: WebhookEvent | undefined, change: object = {}) => {
  const body = JSON.parse(webhookBody(event ?? stage.account.eventOf({ eventType: "none", data: null })));
  body.event.data = { ...body.event.data, ...change };
  return JSON.stringify(body);
};
const triggered = (options: Parameters<Account["trigger"]>[0] = {}): [Incident, string] => {
  const incident = stage.account.trigger({ ...options, silent: true });
  return [incident, bodyOf(incident.announce())];
};
const row = async (webhookId: string) => {
  const [found] = await stage.sql(
    `SELECT outcome, reason, length(payload) AS payload FROM journal WHERE webhook_id = ?`,
    webhookId,
  );
  return found;
};
const judged = (webhookId: string) =>
  until(`the verdict on ${webhookId}`, async () => {
    const found = await row(webhookId);
    return found !== undefined && (found["outcome"] !== "unconfirmed" || found["reason"] !== null);
  });
/** Waits until the first read-back has ended without a verdict. */
const deferred = () =>
  until("the first read-back", async () => {
    const [hint] = await stage.sql("SELECT max(attempts) AS attempts FROM hints");
    return Number(hint?.["attempts"]) > 0;
  });
/** Stores a new credential, which makes waiting read-backs due immediately. */
const askAgain = async () =>
  expect((await call("PATCH", "", { token: stage.account.apiKey() })).status).toBe(200);
const read = () => stage.pagerduty.requests.filter(({ path }) => path.startsWith("/incidents/")).length;
const types = (incident: Incident) => stage.aurora.of(incident.id).map(({ type }) => type);

describe("a forged webhook", () => {
  test("that names an incident by its number is not confirmed, and adds no incident", async () => {
    const [, body] = triggered({ createdAt: "2020-01-01T00:00:00Z" });
    const forged = JSON.parse(body);
    forged.event.data.id = "1";
    await post(JSON.stringify(forged), "by-number");
    await judged("by-number");
    expect(await row("by-number")).toMatchObject({ outcome: "unconfirmed" });
    expect((await call("GET", "/incidents")).body).toMatchObject({ incidents: [] });
    expect(stage.aurora.attempts).toEqual([]);
    expect(read()).toBe(1);
  });

  test("is stored with at most 4 KB after its read-back", async () => {
    const [incident] = triggered();
    await post(
      bodyOf(incident.events[0], { title: "Forged", filler: FILLER }),
      "forged",
      "0".repeat(8 * KIB),
    );
    await judged("forged");
    expect(await row("forged")).toMatchObject({ outcome: "unconfirmed" });
    expect(Number((await row("forged"))?.["payload"])).toBeLessThanOrEqual(4 * KIB);
  });

  test("is stored with at most 16 KB before its read-back, if its title or an unknown field is large", async () => {
    stage.account.revoke(token);
    const [incident] = triggered();
    for (const [index, change] of [{ filler: FILLER }, { title: FILLER }].entries()) {
      await post(bodyOf(incident.events[0], change), `w${index}`);
      await until("the webhook in the journal", async () => (await row(`w${index}`)) !== undefined);
      expect(Number((await row(`w${index}`))?.["payload"])).toBeLessThanOrEqual(16 * KIB);
    }
  });
});

test("a confirmed webhook with additional fields is applied, and stored with at most 8 KB", async () => {
  const [incident, body] = triggered({ priority: "P1" });
  const large = JSON.parse(body);
  large.event.padding = FILLER;
  await post(JSON.stringify(large), "padded");
  await judged("padded");
  expect(await row("padded")).toMatchObject({ outcome: "applied" });
  expect(Number((await row("padded"))?.["payload"])).toBeLessThanOrEqual(8 * KIB);
  await post(bodyOf(incident.setField("runbook_link", RUNBOOK), { filler: FILLER }), "field");
  await judged("field");
  expect(await row("field")).toMatchObject({ outcome: "applied" });
});

test("a webhook about an incident that the REST API does not have yet is confirmed by a later read-back", async () => {
  const [incident, body] = triggered();
  stage.pagerduty.faults.api = { status: 404, match: (_, path) => path.startsWith("/incidents/") };
  await post(body, "w");
  await deferred();
  stage.pagerduty.faults.api = null;
  await askAgain();
  await judged("w");
  expect(await row("w")).toMatchObject({ outcome: "applied" });
  await stage.aurora.waitFor("the incident", () => types(incident).length > 0);
});

test("if the REST API still shows a resolved incident as open, the incident is sent as open, and its resolution is read later", async () => {
  const [incident] = triggered({ createdAt: new Date(Date.now() - 60_000).toISOString() });
  const body = JSON.parse(bodyOf(incident.announce(), { status: "resolved" }));
  body.event.event_type = "incident.resolved";
  await post(JSON.stringify(body), "w");
  await stage.aurora.waitFor("the open incident", () => types(incident).length > 0);
  await deferred();
  expect(await row("w")).toMatchObject({ outcome: "unconfirmed", reason: null });
  incident.silently((silent) => silent.resolve());
  await askAgain();
  await judged("w");
  expect(await row("w")).toMatchObject({ outcome: "applied" });
  await stage.aurora.waitFor("the resolution", () => types(incident).includes("incident.resolved"));
});

test.each([429, 500])("a custom field is not lost if PagerDuty answers %i", async (status) => {
  const [incident, body] = triggered();
  await post(body, "w1");
  await judged("w1");
  stage.pagerduty.faults.api = {
    status,
    headers: { "ratelimit-reset": "1" },
    match: (_, path) => path.includes("custom_fields"),
  };
  await post(bodyOf(incident.setField("runbook_link", RUNBOOK)), "w2");
  await deferred();
  stage.pagerduty.faults.api = null;
  if (status === 500) await askAgain();
  await judged("w2");
  expect((await call("GET", `/incidents/${incident.id}`)).body).toMatchObject({
    customFields: { runbook_link: RUNBOOK },
  });
  expect(await row("w2")).toMatchObject({ outcome: "applied" });
});

test("analysis is requested once for an incident that is resolved before its read-back", async () => {
  const [incident, body] = triggered();
  const resolved = incident.resolve();
  await post(body, "w1");
  await post(bodyOf(resolved), "w2");
  await Promise.all([judged("w1"), judged("w2")]);
  await stage.aurora.waitFor("the request for analysis", () =>
    types(incident).includes("incident.rca_requested"),
  );
  expect(types(incident)).toEqual(["incident.resolved", "incident.rca_requested"]);
});

test.each([
  ["before its first read-back", []],
  ["after another webhook's read-back", ["earlier"]],
])(
  "analysis is requested once for an incident that was already changed and resolved when its trigger arrived (%s)",
  async (_, earlier) => {
    const [incident, body] = triggered({ priority: "P1" });
    const acknowledged = bodyOf(incident.acknowledge());
    for (const webhookId of earlier) {
      await post(acknowledged, webhookId);
      await judged(webhookId);
    }
    incident.silently((silent) => {
      silent.setPriority("P3");
      silent.resolve();
    });
    await post(body, "w");
    await judged("w");
    expect(await row("w")).toMatchObject({ outcome: "unconfirmed" });
    await stage.aurora.waitFor("the request for analysis", () =>
      types(incident).includes("incident.rca_requested"),
    );
    await post(body, "again");
    await stage.settled(earlier.length + 2);
    expect(types(incident).filter((type) => type === "incident.rca_requested")).toHaveLength(1);
  },
);

test("a refused credential is tried at most twice for ten incidents, and a new credential reads all ten", async () => {
  stage.account.revoke(token);
  const stories = Array.from({ length: 10 }, () => triggered());
  for (const [index, [, body]] of stories.entries()) await post(body, `w${index}`);
  await until("a hint for each webhook", async () => {
    const [found] = await stage.sql("SELECT count(*) AS n FROM hints");
    return found?.["n"] === stories.length;
  });
  await deferred();
  expect(read()).toBeLessThanOrEqual(2);
  await askAgain();
  await stage.aurora.waitFor("every incident", () =>
    stories.every(([incident]) => types(incident).length > 0),
  );
});

test("if a webhook is given up after two days, a newer webhook of the same incident still waits", async () => {
  const [incident, body] = triggered();
  stage.pagerduty.faults.api = { status: 500, match: (_, path) => path.startsWith("/incidents/") };
  await post(body, "old");
  await deferred();
  await stage.sql("UPDATE journal SET received_at_ms = received_at_ms - 49 * 3600 * 1000");
  await post(bodyOf(incident.acknowledge()), "fresh");
  await until("the new webhook in the journal", async () => (await row("fresh")) !== undefined);
  await askAgain();
  await judged("old");
  expect(await row("fresh")).toMatchObject({ outcome: "unconfirmed", reason: null });
  stage.pagerduty.faults.api = null;
  await askAgain();
  await stage.aurora.waitFor("the incident", () => types(incident).length > 0);
});

test("the waiting webhooks of one incident are checked a hundred at a time", async () => {
  const [incident, body] = triggered();
  stage.account.revoke(token);
  await post(body, "w");
  await deferred();
  // Copies the webhook's row, because posting 250 webhooks takes long.
  await stage.sql(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
     INSERT INTO journal (kind, webhook_id, event_id, incident_id, type, occurred_at, received_at_ms,
       verification, outcome, payload)
     SELECT kind, 'copy-' || i, event_id, incident_id, type, occurred_at, received_at_ms, verification, outcome,
       payload FROM journal, n WHERE webhook_id = 'w'`,
  );
  await askAgain();
  await judged("copy-250");
  const counts = () =>
    stage.worker
      .logs()
      .filter((line) => /hint.read_back.*"read"/.test(line) && line.includes(incident.id))
      .map((line) => Number(/"webhooks":(\d+)/.exec(line)?.[1]));
  await until("three read-backs in the log", () => counts().length >= 3);
  expect(counts()).toEqual([100, 100, 51]);
});

test("a read-back does not override a signed webhook that arrived during the read-back", async () => {
  const [incident, body] = triggered();
  const held = holdNext(stage.pagerduty.faults, "api", "hold", (_, path) => path.includes(incident.id));
  const forged = JSON.parse(body);
  forged.event.data.title = "As nobody says";
  await post(JSON.stringify(forged), "w");
  await held.underWay();
  await call("PUT", "/signing-secret", { secret: "secret" });
  await post(body, "w", sign("secret", body));
  await until("the signed webhook to be applied", async () => (await row("w"))?.["outcome"] === "applied");
  held.release();
  await until("the end of the read-back", async () => {
    const [found] = await stage.sql("SELECT count(*) AS n FROM hints");
    return found?.["n"] === 0;
  });
  expect(await row("w")).toMatchObject({ outcome: "applied", reason: null, payload: body.length });
  await stage.aurora.waitFor("the incident", () => types(incident).length > 0);
});

test("a forged webhook that PagerDuty contradicts causes no analysis, and Aurora gets neither its webhook id nor its event id", async () => {
  const createdAt = new Date(Date.now() - 3 * 3600 * 1000).toISOString();
  const [incident, body] = triggered({ createdAt });
  incident.silently((silent) => silent.resolve());
  const claim = JSON.parse(body);
  claim.event.occurred_at = new Date(Date.now() + 60_000).toISOString();
  await post(JSON.stringify(claim), "of-a-stranger");
  await stage.aurora.waitFor("the incident as it is", () => types(incident).length > 0);
  // `settled` also waits for analyses. If the webhook had caused one, `types` would then contain its request.
  await stage.settled(1);
  expect(types(incident)).toEqual(["incident.resolved"]);
  expect(stage.aurora.of(incident.id)[0]?.data.provenance).toEqual({
    webhookId: null,
    eventId: null,
    verification: "callback",
  });
});
