import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Account, Subscription } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import { settled } from "../support/worker.ts";
import { startWorld, type World } from "../support/world.ts";

/** What silently breaks such integrations is noticed, mended and made up for. */

let world: World;
let serial = 0;
let user: string;
let account: Account;

beforeAll(async () => {
  world = await startWorld({ RECONCILE_MINUTES: "10" });
});
beforeEach(async () => {
  world.aurora.reset();
  world.pagerduty.faults.api = null;
  world.pagerduty.faults.rateLimit = 960;
  serial += 1;
  user = `user-${serial}`;
  account = world.pagerduty.account();
});
afterAll(() => world.close());

const call = (method: string, path: string, body?: object) =>
  world.worker.call(user, method, `/pagerduty${path}`, body ? { body } : {});
const connected = async (token = account.apiKey()): Promise<Subscription> => {
  expect((await call("POST", "", { token, subscribe: true })).status).toBe(200);
  // The first check follows the connecting; this one follows that.
  expect((await call("POST", "/reconcile")).status).toBe(200);
  const [subscription] = [...account.subscriptions.values()];
  if (!subscription) throw new Error("There is no subscription");
  return subscription;
};
const types = (incidentId: string) => world.aurora.of(incidentId).map(({ type }) => type);

test("a subscription that PagerDuty switched off is enabled again, and what was missed is recovered, once", async () => {
  const subscription = await connected();
  subscription.temporarilyDisabled = true;
  const first = account.trigger({ title: "Missed one", priority: "P1" });
  const second = account.trigger({ title: "Missed two" });
  second.resolve();

  const reply = await call("POST", "/reconcile");
  expect([reply.status, reply.body]).toMatchObject([
    200,
    { recovered: 2, subscription: { id: subscription.id, state: "active" } },
  ]);
  expect(subscription.temporarilyDisabled).toBe(false);
  await settled(world.worker, user, 0);
  expect(types(first.id)).toEqual(["incident.triggered", "incident.rca_requested"]);
  expect(types(second.id)).toEqual(["incident.resolved"]);
  expect(world.aurora.of(first.id)[0]?.data).toMatchObject({
    incident: { severity: "critical", sourceAlertId: String(first.number) },
    provenance: { verification: "backfill", webhookId: null },
    event: null,
  });

  const { body } = await call("GET", "");
  expect(body).toMatchObject({
    problems: [{ code: "subscription_was_disabled", message: expect.stringContaining("2 missed incidents") }],
  });
  const events = await call("GET", "/events");
  expect(events.text).toContain("subscription.re_enabled");

  const again = await call("POST", "/reconcile");
  expect(again.body).toMatchObject({ recovered: 0 });
  await settled(world.worker, user, 0);
  expect(world.aurora.of(first.id)).toHaveLength(2);
});

test("a webhook made by hand is looked after, too: switched off by three refusals, mended with the secret", async () => {
  expect((await call("POST", "", { token: account.apiKey() })).status).toBe(200);
  const subscription = account.subscribe({ url: `${world.worker.url}/pagerduty/webhook/${user}` });
  await call("PUT", "/signing-secret", { secret: "copied from somewhere else" });
  const refused = [account.trigger(), account.trigger(), account.trigger()];
  await until("PagerDuty to switch it off", () => subscription.temporarilyDisabled);
  const meanwhile = [account.trigger({ title: "Meanwhile" }), account.trigger({ title: "And then" })];
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { rejected: { count: 3, lastReason: expect.stringContaining("signing secret does not match") } },
    problems: expect.arrayContaining([expect.objectContaining({ code: "webhooks_refused" })]),
  });

  await call("PUT", "/signing-secret", { secret: subscription.secret });
  const missed = [...refused, ...meanwhile];
  await world.aurora.waitFor("all of them", () => missed.every(({ id }) => types(id).length === 2));
  await until("the subscription to be on again", () => !subscription.temporarilyDisabled);
  expect(missed.map(({ id }) => types(id))).toEqual(
    missed.map(() => ["incident.triggered", "incident.rca_requested"]),
  );
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { subscription: { id: subscription.id, state: "active" }, rejected: { count: 0 } },
    problems: [{ code: "subscription_was_disabled" }],
  });
  expect((await call("DELETE", "")).body).toMatchObject({ subscriptionDeleted: null });
  expect(account.subscriptions.size).toBe(1);
});

test("events go on after the recovery without a seam", async () => {
  const subscription = await connected();
  subscription.temporarilyDisabled = true;
  const incident = account.trigger();
  await call("POST", "/reconcile");
  incident.acknowledge();
  incident.resolve();
  await subscription.idle();
  await settled(world.worker, user, 2);
  expect(types(incident.id).filter((type) => type !== "incident.rca_requested")).toEqual([
    "incident.triggered",
    "incident.acknowledged",
    "incident.resolved",
  ]);
});

test("what is known is not told again", async () => {
  const subscription = await connected();
  const incident = account.trigger();
  await subscription.idle();
  await settled(world.worker, user, 1);
  const told = world.aurora.accepted.length;
  const reply = await call("POST", "/reconcile");
  expect(reply.body).toMatchObject({ checked: 1, recovered: 0 });
  expect(world.aurora.accepted).toHaveLength(told);
  expect(world.aurora.of(incident.id)).not.toHaveLength(0);
});

test("a missed resolution of an incident that we hold open is found, however old it is", async () => {
  const subscription = await connected();
  const createdAt = new Date(Date.now() - 3 * 24 * 3600 * 1000).toISOString();
  const incident = account.trigger({ createdAt });
  await subscription.idle();
  await settled(world.worker, user, 1);
  subscription.temporarilyDisabled = true;
  incident.resolve();
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 1 });
  await world.aurora.waitFor("the resolution", () => types(incident.id).includes("incident.resolved"));
});

test("missed fields come with their incident", async () => {
  const subscription = await connected();
  subscription.temporarilyDisabled = true;
  const incident = account.trigger();
  incident.setField("runbook_link", "http://localhost/runbook");
  await call("POST", "/reconcile");
  await settled(world.worker, user, 0);
  expect(world.aurora.of(incident.id)[0]?.data.incident.customFields).toEqual({
    runbook_link: "http://localhost/runbook",
  });
});

test("connecting brings the open incidents of the last day; what was over by then comes when asked for", async () => {
  const open = account.trigger({ silent: true });
  const over = account.trigger({ silent: true });
  over.silently((incident) => incident.resolve());
  const old = account.trigger({ silent: true, createdAt: "2020-01-01T00:00:00Z" });
  // PagerDuty tells times to the second, so it was over when the second is.
  const second = () => Math.floor(Date.now() / 1000);
  const overIn = second();
  await until("the next second", () => second() > overIn);
  expect((await call("POST", "", { token: account.apiKey() })).status).toBe(200);
  await world.aurora.waitFor("the open incident", (aurora) => aurora.of(open.id).length === 2);
  expect(types(open.id)).toEqual(["incident.triggered", "incident.rca_requested"]);
  await settled(world.worker, user, 0);
  expect(types(over.id)).toEqual([]);
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 1 });
  await world.aurora.waitFor("the other", (aurora) => aurora.of(over.id).length > 0);
  expect(types(over.id)).toEqual(["incident.resolved"]);
  expect(types(old.id)).toEqual([]);
});

test("a subscription that was deleted is noticed", async () => {
  await connected();
  account.subscriptions.clear();
  expect((await call("POST", "/reconcile")).body).toMatchObject({ subscription: { state: "missing" } });
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { subscription: { state: "missing" } },
    problems: [{ code: "subscription_missing" }],
  });
});

test("a credential that died is noticed, and a new one makes up for the time between", async () => {
  const token = account.apiKey();
  const subscription = await connected(token);
  account.revoke(token);
  expect((await call("POST", "/reconcile")).status).toBe(401);
  expect((await call("GET", "")).body).toMatchObject({ problems: [{ code: "credential_refused" }] });
  subscription.temporarilyDisabled = true;
  const missed = account.trigger();
  expect((await call("PATCH", "", { token: account.apiKey() })).status).toBe(200);
  await world.aurora.waitFor("the missed incident", (aurora) => aurora.of(missed.id).length > 0);
  expect((await call("GET", "")).body).not.toMatchObject({ problems: [{ code: "credential_refused" }] });
});

test("more incidents than a page are all found, in spite of a rate limit in between", async () => {
  const subscription = await connected();
  subscription.temporarilyDisabled = true;
  const missed = Array.from({ length: 230 }, (_, index) => account.trigger({ title: `Storm ${index}` }));
  world.pagerduty.faults.api = {
    status: 429,
    headers: { "ratelimit-reset": "1" },
    times: 1,
    match: (_, path) => path.includes("offset=100"),
  };
  const stopped = await call("POST", "/reconcile");
  expect(stopped.status).toBe(429);
  await until("the rest", () => missed.every(({ id }) => world.aurora.of(id).length > 0), 30_000);
  expect(
    missed.every(({ id }) => types(id).filter((type) => type === "incident.triggered").length === 1),
  ).toBe(true);
});
