import { afterEach, beforeEach, expect, test } from "vitest";
import type * as z from "zod";
import { type Account, type PagerDuty, startPagerDuty } from "./pagerduty.ts";
import * as schemas from "./schemas.ts";
import { WebhookReceiver } from "./webhook-receiver.ts";

const ACCEPT = "application/vnd.pagerduty+json;version=2";
const ALL_PATHS = ["/users/me", "/services", "/abilities", "/incidents", "/webhook_subscriptions"];

let pagerduty: PagerDuty;
let account: Account;
let key: string;

beforeEach(async () => {
  pagerduty = await startPagerDuty({ retryDelayMs: 5 });
  account = pagerduty.account();
  key = account.apiKey();
});

afterEach(() => pagerduty.close());

async function call(
  path: string,
  init: { method?: string; token?: string; body?: unknown; url?: string } = {},
) {
  const response = await fetch((init.url ?? pagerduty.apiUrl) + path, {
    method: init.method ?? "GET",
    headers: {
      accept: ACCEPT,
      authorization: `Token token=${init.token ?? key}`,
      ...(init.body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}

async function read<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
  const { status, body } = await call(path);
  expect(status).toBe(200);
  return schema.parse(body);
}

async function expectError(
  status: number,
  path: string,
  init: Parameters<typeof call>[1] = {},
): Promise<void> {
  const answer = await call(path, init);
  expect([path, answer.status]).toEqual([path, status]);
  schemas.ErrorAnswer.parse(answer.body);
}

const subscriptionBody = (url: string, change = {}) => ({
  webhook_subscription: {
    type: "webhook_subscription",
    delivery_method: {
      type: "http_delivery_method",
      url,
      custom_headers: [{ name: "x-mine", value: "secret" }],
    },
    events: ["incident.triggered"],
    filter: { type: "account_reference" },
    ...change,
  },
});

test("the current user, services and abilities fit PagerDuty's OpenAPI", async () => {
  expect((await read("/users/me", schemas.UserAnswer)).user).toMatchObject(account.user);
  const { services } = await read("/services?limit=1", schemas.ServicesAnswer);
  expect(services[0]).toMatchObject({
    id: account.service.id,
    html_url: expect.stringContaining("//acme.pagerduty.com/"),
  });
  await read("/abilities", schemas.AbilitiesAnswer);
});

test("an account-level key can read everything except the current user", async () => {
  const token = account.apiKey({ kind: "account" });
  await expectError(400, "/users/me", { token });
  expect((await call("/services", { token })).status).toBe(200);
});

test("a call gets 401 if its key is wrong, revoked, sent to the wrong region or sent as a Bearer token", async () => {
  const european = pagerduty.account({ region: "eu" }).apiKey();
  for (const path of ALL_PATHS) {
    await expectError(401, path, { token: "wrong" });
    await expectError(401, path, { token: european });
    await expectError(401, path, { url: pagerduty.euApiUrl });
    expect((await call(path, { token: european, url: pagerduty.euApiUrl })).status).toBe(200);
  }
  const bearer = await fetch(`${pagerduty.apiUrl}/services`, {
    headers: { accept: ACCEPT, authorization: `Bearer ${key}` },
  });
  expect(bearer.status).toBe(401);
  account.revoke(key);
  await expectError(401, "/users/me");
});

test("a call without PagerDuty's media type is refused", async () => {
  const answer = await fetch(`${pagerduty.apiUrl}/services`, {
    headers: { authorization: `Token token=${key}` },
  });
  expect(answer.status).toBe(406);
  expect(pagerduty.requests.at(-1)).toMatchObject({ path: "/services", authorization: "Token", status: 406 });
});

test("an incident has incident_number, and separate calls return its custom fields and its log", async () => {
  const incident = account.trigger({
    priority: "P1",
    customFields: { runbook_link: "https://example.com/r" },
  });
  incident.setField("tags", ["a", "b"]);
  incident.annotate("Looking");
  incident.resolve();
  const answer = await read(`/incidents/${incident.id}`, schemas.IncidentAnswer);
  expect(answer.incident).toMatchObject({
    incident_number: 1,
    status: "resolved",
    priority: { summary: "P1" },
  });
  expect(answer.incident.resolved_at).toBe(answer.incident.last_status_change_at);
  const { custom_fields } = await read(
    `/incidents/${incident.id}/custom_fields/values`,
    schemas.FieldValuesAnswer,
  );
  expect(
    custom_fields.map(({ name, value, data_type, field_type }) => [name, value, data_type, field_type]),
  ).toEqual([
    ["runbook_link", "https://example.com/r", "url", "single_value"],
    ["tags", ["a", "b"], "string", "multi_value"],
  ]);
  const { log_entries } = await read(`/incidents/${incident.id}/log_entries`, schemas.LogEntriesAnswer);
  expect(log_entries.map(({ type }) => type)).toEqual([
    "resolve_log_entry",
    "annotate_log_entry",
    "custom_field_value_change_log_entry",
    "trigger_log_entry",
  ]);
});

test("incidents are filtered by status and time of creation, sorted and paged", async () => {
  const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
  account.trigger({ title: "old", createdAt: hoursAgo(30) });
  account.trigger({ title: "yesterday", createdAt: hoursAgo(20) }).acknowledge();
  account.trigger({ title: "today" });
  account.trigger({ title: "done" }).resolve();
  const query = `since=${hoursAgo(24)}&statuses[]=triggered&statuses[]=acknowledged&sort_by=created_at:desc`;
  const first = await read(`/incidents?${query}&limit=1`, schemas.IncidentsAnswer);
  expect(first).toMatchObject({
    limit: 1,
    offset: 0,
    more: true,
    total: null,
    incidents: [{ title: "today" }],
  });
  const second = await read(`/incidents?${query}&limit=1&offset=1&total=true`, schemas.IncidentsAnswer);
  expect(second).toMatchObject({ more: false, total: 2, incidents: [{ title: "yesterday" }] });
});

test("a list call gets 400 if its limit, offset or time range is too large, or its status is unknown", async () => {
  for (const query of [
    "limit=101",
    "limit=100&offset=9901",
    "since=2026-01-01T00:00:00Z&until=2026-08-01T00:00:00Z",
    "statuses[]=open",
    "sort_by=title",
    "since=yesterday",
  ]) {
    await expectError(400, `/incidents?${query}`);
  }
  expect((await call("/incidents?limit=100&offset=9900")).status).toBe(200);
});

test("a call for an object of a different account gets 404", async () => {
  const other = pagerduty.account();
  const incident = other.trigger();
  const subscription = other.subscribe({ url: "http://127.0.0.1:9/" });
  await expectError(404, `/incidents/${incident.id}`);
  await expectError(404, `/incidents/${incident.id}/custom_fields/values`);
  await expectError(404, `/incidents/${incident.id}/log_entries`);
  await expectError(404, `/webhook_subscriptions/${subscription.id}`);
  await expectError(404, `/webhook_subscriptions/${subscription.id}/ping`, { method: "POST" });
});

test("a subscription shows its secret once, and can be listed, changed, enabled and deleted", async () => {
  const url = "https://example.com/webhook";
  const created = await call("/webhook_subscriptions", { method: "POST", body: subscriptionBody(url) });
  const { webhook_subscription: made } = schemas.SubscriptionAnswer.parse(created.body);
  const path = `/webhook_subscriptions/${made.id}`;
  const subscription = account.subscriptions.get(made.id);
  expect(made.delivery_method).toMatchObject({ secret: subscription?.secret, temporarily_disabled: false });
  const shown = await read(path, schemas.SubscriptionAnswer);
  expect(shown.webhook_subscription.delivery_method).toMatchObject({
    secret: null,
    custom_headers: [{ name: "x-mine", value: "-- redacted --" }],
  });
  const change = { events: ["incident.resolved"], delivery_method: { url: "https://elsewhere.example" } };
  const changed = await call(path, { method: "PUT", body: { webhook_subscription: change } });
  expect(schemas.SubscriptionAnswer.parse(changed.body).webhook_subscription).toMatchObject({
    events: ["incident.resolved"],
    delivery_method: { url },
  });
  if (subscription !== undefined) subscription.temporarilyDisabled = true;
  const listed = await read("/webhook_subscriptions?filter_type=account", schemas.SubscriptionsAnswer);
  expect(listed.webhook_subscriptions).toMatchObject([{ delivery_method: { temporarily_disabled: true } }]);
  const enabled = await call(`${path}/enable`, { method: "POST" });
  expect(enabled.body).toMatchObject({
    webhook_subscription: { delivery_method: { temporarily_disabled: false } },
  });
  expect((await call(path, { method: "DELETE" })).status).toBe(204);
  await expectError(404, path);
});

test("a ping gets 202 and sends the webhook pagey.ping", async () => {
  const receiver = await WebhookReceiver.open();
  const subscription = account.subscribe({ url: receiver.url });
  expect((await call(`/webhook_subscriptions/${subscription.id}/ping`, { method: "POST" })).status).toBe(202);
  await subscription.idle();
  expect(receiver.received[0]?.event).toMatchObject({
    event_type: "pagey.ping",
    resource_type: "pagey",
    client: null,
    data: { type: "ping" },
  });
  await receiver.close();
});

test("a new subscription that does not fit PagerDuty's OpenAPI is refused with 400", async () => {
  for (const change of [
    { events: [] },
    { events: ["incident.exploded"] },
    { type: "subscription" },
    { filter: { type: "service_reference" } },
    { delivery_method: { type: "http_delivery_method", url: "ftp://example.com" } },
  ]) {
    const body = subscriptionBody("https://example.com", change);
    await expectError(400, "/webhook_subscriptions", { method: "POST", body });
  }
});

test("a read-only key can read but not create", async () => {
  const token = account.apiKey({ write: false });
  expect((await call("/webhook_subscriptions", { token })).status).toBe(200);
  const body = subscriptionBody("https://example.com");
  await expectError(403, "/webhook_subscriptions", { token, method: "POST", body });
});

test("a token with too many calls in a minute gets 429, and other tokens do not", async () => {
  pagerduty.faults.rateLimit = 2;
  const remaining = [await call("/services"), await call("/services"), await call("/services")];
  expect(remaining.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(remaining.map(({ headers }) => headers.get("ratelimit-remaining"))).toEqual(["1", "0", "0"]);
  expect(Number(remaining[2]?.headers.get("ratelimit-reset"))).toBeGreaterThan(0);
  expect((await call("/services", { token: account.apiKey() })).status).toBe(200);
});

test("a fault applies only to matching calls, and with `times: 1` only to the first of them", async () => {
  const match = (_method: string, path: string) => path.startsWith("/services");
  pagerduty.faults.api = { status: 401, body: "<html>", contentType: "text/html", times: 1, match };
  expect((await call("/abilities")).status).toBe(200);
  const faulty = await fetch(`${pagerduty.apiUrl}/services`);
  expect([faulty.status, faulty.headers.get("content-type"), await faulty.text()]).toEqual([
    401,
    "text/html",
    "<html>",
  ]);
  expect((await call("/services")).status).toBe(200);
  pagerduty.faults.api = { reset: true };
  await expect(call("/services")).rejects.toThrow("fetch failed");
  pagerduty.reset();
  await expectError(401, "/services");
});
