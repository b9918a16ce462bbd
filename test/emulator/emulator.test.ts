import { afterEach, beforeEach, expect, test } from "vitest";
import { type Account, type PagerDuty, sign, startPagerDuty, webhookBody } from "./pagerduty.ts";
import { FieldValuesData, IncidentData } from "./schemas.ts";
import { WebhookReceiver } from "./webhook-receiver.ts";

let pagerduty: PagerDuty;
let account: Account;
let receiver: WebhookReceiver;

async function start(options: Parameters<typeof startPagerDuty>[0] = {}): Promise<void> {
  await pagerduty?.close();
  pagerduty = await startPagerDuty({ retryDelayMs: 5, ...options });
  account = pagerduty.account();
}

beforeEach(async () => {
  await start();
  receiver = await WebhookReceiver.open();
});

afterEach(async () => {
  await pagerduty.close();
  await receiver.close();
});

test("a webhook's headers hold its id, its subscription's id, and a signature of its raw body", async () => {
  const subscription = account.subscribe({ url: receiver.url });
  account.trigger({ title: "Checkout is slow — Ünïcödé" });
  await subscription.idle();
  const [webhook] = receiver.received;
  const [delivery] = subscription.deliveries;
  expect(webhook?.headers).toMatchObject({
    "content-type": "application/json",
    "user-agent": "PagerDuty-Webhook/V3.0",
    "x-pagerduty-signature": sign(subscription.secret, webhook?.body ?? ""),
    "x-webhook-id": delivery?.webhookId,
    "x-webhook-subscription": subscription.id,
  });
});

test("every action on an incident sends the complete changed incident", async () => {
  const subscription = account.subscribe({ url: receiver.url });
  const incident = account.trigger({ priority: "P2" });
  const other = account.trigger();
  const actions = [
    incident.acknowledge(),
    incident.setPriority("P1"),
    incident.escalate(),
    incident.reassign("Third Level"),
    incident.resolve({ mergedInto: other.id }),
    incident.reopen(),
  ];
  await subscription.idle();
  const sent = receiver.received.filter(({ event }) => event.data.id === incident.id);
  expect(sent.map(({ body }) => body)).toEqual(incident.events.map(webhookBody));
  expect(actions).toEqual(incident.events.slice(1));
  const states = sent.map(({ event }) => IncidentData.parse(event.data));
  expect(states.map(({ status, priority }) => [status, priority?.summary])).toEqual([
    ["triggered", "P2"],
    ["acknowledged", "P2"],
    ["acknowledged", "P1"],
    ["acknowledged", "P1"],
    ["acknowledged", "P1"],
    ["resolved", "P1"],
    ["triggered", "P1"],
  ]);
  expect(states.map(({ assignees }) => assignees.map(({ summary }) => summary))).toEqual([
    ...Array.from({ length: 3 }, () => [account.user.name]),
    ["Second Level"],
    ["Third Level"],
    [],
    ["Third Level"],
  ]);
  expect(states.map(({ resolve_reason }) => resolve_reason?.incident.id)).toEqual([
    ...Array.from({ length: 5 }),
    other.id,
    undefined,
  ]);
});

test("the webhook about a changed custom field has the new values of all fields, and the old value of the changed field", () => {
  const incident = account.trigger({ customFields: { environment: "staging", region: "US" } });
  const change = FieldValuesData.parse(incident.setField("environment", "production").data);
  const cleared = FieldValuesData.parse(incident.setField("environment", null).data);
  expect(change.custom_fields.map(({ name, value }) => [name, value])).toEqual([
    ["environment", "production"],
    ["region", "US"],
  ]);
  expect(change.changed_custom_fields.map(({ value }) => value)).toEqual(["staging"]);
  expect(cleared.custom_fields[0]?.value).toBeNull();
});

test("events of an account have increasing ids and times, even if they are created within one millisecond", () => {
  const incident = account.trigger();
  const events = Array.from({ length: 50 }, (_, index) => incident.setField("n", index));
  const ids = events.map(({ id }) => id);
  const times = events.map(({ occurred_at }) => occurred_at);
  expect(ids.toSorted()).toEqual(ids);
  expect([...new Set(times)].toSorted()).toEqual(times);
});

test("a silent action changes the incident and sends nothing", async () => {
  const subscription = account.subscribe({ url: receiver.url });
  const incident = account.trigger();
  incident.silently(() => incident.resolve());
  await subscription.idle();
  expect(receiver.types()).toEqual(["incident.triggered"]);
  expect(incident.status).toBe("resolved");
  expect(incident.resolvedAtMs).not.toBeNull();
});

test("a subscription gets only events that have one of its types and match its filter", async () => {
  const wanted = account.subscribe({ url: receiver.url, events: ["incident.resolved"] });
  const elsewhere = account.subscribe({
    url: receiver.url,
    filter: { type: "service_reference", id: "PANOTHER" },
  });
  account.trigger().resolve();
  await wanted.idle();
  expect(receiver.types()).toEqual(["incident.resolved"]);
  expect(elsewhere.deliveries).toEqual([]);
});

test("after 5xx, 429 or a timeout, a webhook is retried with the same id until it gets 2xx", async () => {
  await start({ attemptTimeoutMs: 300 });
  const answers = [503, 429, "never", 202] as const;
  receiver.answer = () => answers[receiver.received.length - 1] ?? 202;
  const subscription = account.subscribe({ url: receiver.url });
  account.trigger();
  await subscription.idle();
  const [delivery] = subscription.deliveries;
  expect(delivery?.attempts.map(({ status }) => status)).toEqual([503, 429, "timeout", 202]);
  expect(delivery?.state).toBe("delivered");
  expect(new Set(receiver.received.map(({ headers }) => headers["x-webhook-id"])).size).toBe(1);
});

test("a webhook whose connection is refused is retried until the time for retries is over", async () => {
  await start({ retryForMs: 300 });
  await receiver.close();
  const subscription = account.subscribe({ url: receiver.url });
  account.trigger();
  await subscription.idle();
  const [delivery] = subscription.deliveries;
  expect(delivery?.state).toBe("dropped");
  expect(delivery?.attempts.length).toBeGreaterThan(1);
  expect(new Set(delivery?.attempts.map(({ status }) => status))).toEqual(new Set(["network_error"]));
});

test("a webhook that gets a 4xx other than 429 is dropped immediately", async () => {
  receiver.answer = () => 404;
  const subscription = account.subscribe({ url: receiver.url });
  account.trigger();
  await subscription.idle();
  expect(subscription.deliveries.map(({ state, attempts }) => [state, attempts.length])).toEqual([
    ["dropped", 1],
  ]);
  expect(subscription.temporarilyDisabled).toBe(false);
});

test("after three drops in a row, a subscription drops all webhooks until it is enabled", async () => {
  receiver.answer = () => 401;
  const subscription = account.subscribe({ url: receiver.url });
  const incident = account.trigger();
  for (let index = 0; index < 4; index++) incident.annotate("again");
  await subscription.idle();
  expect(subscription.temporarilyDisabled).toBe(true);
  expect(subscription.deliveries.map(({ attempts }) => attempts.length)).toEqual([1, 1, 1, 0, 0]);
  incident.acknowledge();
  expect(subscription.deliveries.at(-1)).toMatchObject({ state: "dropped", attempts: [] });
  receiver.answer = () => 202;
  subscription.temporarilyDisabled = false;
  incident.resolve();
  await subscription.idle();
  expect(subscription.deliveries.at(-1)?.state).toBe("delivered");
});

test("an accepted webhook between drops keeps the subscription enabled", async () => {
  const answers = [400, 400, 202, 400, 400];
  receiver.answer = () => answers[receiver.received.length - 1] ?? 202;
  const subscription = account.subscribe({ url: receiver.url });
  const incident = account.trigger();
  for (let index = 0; index < 4; index++) incident.annotate("again");
  await subscription.idle();
  expect(subscription.temporarilyDisabled).toBe(false);
});

test("while a webhook is retried, later webhooks of its incident wait, and webhooks of other incidents do not", async () => {
  const held = account.trigger();
  const free = account.trigger();
  const subscription = account.subscribe({ url: receiver.url });
  let release = false;
  receiver.answer = ({ event }) => (event.data.id === held.id && !release ? 500 : 202);
  held.acknowledge();
  held.resolve();
  free.acknowledge();
  free.resolve();
  await expect.poll(() => receiver.received.filter(({ event }) => event.data.id === free.id).length).toBe(2);
  expect(receiver.types().filter((type) => type === "incident.resolved")).toHaveLength(1);
  await expect(subscription.idle(20)).rejects.toThrow(/incident\.acknowledged .*500/);
  release = true;
  await subscription.idle();
  const types = receiver.received
    .filter(({ event }) => event.data.id === held.id)
    .map(({ event }) => event.event_type);
  expect(types.indexOf("incident.resolved")).toBe(types.length - 1);
});

test("webhooks of different incidents are sent at the same time, but at most sixteen at once", async () => {
  let open = 0;
  let most = 0;
  const { promise: sixteen, resolve } = Promise.withResolvers<void>();
  receiver.answer = async () => {
    open += 1;
    most = Math.max(most, open);
    if (open === 16) resolve();
    await sixteen;
    open -= 1;
    return 202;
  };
  const subscription = account.subscribe({ url: receiver.url });
  for (let index = 0; index < 40; index++) account.trigger();
  await subscription.idle();
  expect(receiver.received).toHaveLength(40);
  expect(most).toBe(16);
});

test("a duplicate has the id and the body of the first webhook", async () => {
  pagerduty.faults.duplicateRate = 1;
  const subscription = account.subscribe({ url: receiver.url });
  account.trigger();
  await subscription.idle();
  const [first, second] = receiver.received;
  expect(second).toMatchObject({
    body: first?.body,
    headers: { "x-webhook-id": first?.headers["x-webhook-id"] },
  });
});

test("the emulator shuffles webhooks of different incidents, but keeps the order of each incident", async () => {
  pagerduty.faults.shuffle = true;
  const subscription = account.subscribe({ url: receiver.url });
  const incidents = Array.from({ length: 20 }, () => account.trigger());
  for (const incident of incidents) incident.resolve();
  await subscription.idle();
  for (const incident of incidents) {
    const types = receiver.received.filter(({ event }) => event.data.id === incident.id);
    expect(types.map(({ event }) => event.event_type)).toEqual(["incident.triggered", "incident.resolved"]);
  }
});

test("calls over HTTP can create and change incidents, and can disable and enable webhooks", async () => {
  const post = (path: string, body = {}) =>
    fetch(`${pagerduty.apiUrl}/_emulator/incidents${path}`, { method: "POST", body: JSON.stringify(body) });
  expect((await post("", { title: "By hand", priority: "P1" })).status).toBe(201);
  const [incident] = account.incidents.values();
  expect(incident).toMatchObject({ title: "By hand", priority: "P1" });
  expect(
    (await post(`/${incident?.id}/field`, { name: "runbook_link", value: "https://example.com" })).status,
  ).toBe(200);
  expect((await post(`/${incident?.id}/resolve`)).status).toBe(200);
  expect(incident?.status).toBe("resolved");
  expect((await post(`/${incident?.id}/constructor`)).status).toBe(404);
  for (const [action, active] of [
    ["disable", false],
    ["enable", true],
  ] as const) {
    const url = `${pagerduty.apiUrl}/_emulator/webhooks/${action}`;
    expect((await fetch(url, { method: "POST" })).status).toBe(200);
    expect([...account.subscriptions.values()].every((one) => one.active === active)).toBe(true);
  }
  expect(await (await fetch(`${pagerduty.apiUrl}/_emulator`)).text()).toContain("curl");
  expect(pagerduty.requests).toEqual([]);
});
