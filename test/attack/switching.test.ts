import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { sign, webhookBody } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

/** The account is changed while an answer of the one before is on its way: it must not land in the new one. */

let world: World;
let serial = 0;
let user: string;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(() => {
  world.aurora.reset();
  world.pagerduty.faults.api = null;
  world.pagerduty.clearRequests();
  serial += 1;
  user = `user-${serial}`;
});
afterAll(() => world.close());

const call = (method: string, path: string, body?: object) =>
  world.worker.call(user, method, `/pagerduty${path}`, body ? { body } : {});

/** PagerDuty takes its time to answer the next call that `match` takes. */
function hold(match: (method: string, path: string) => boolean, holdMs = 400): Promise<void> {
  world.pagerduty.faults.api = { holdMs, times: 1, match };
  return until("the call to be under way", () => world.pagerduty.faults.api?.times === 0);
}

async function switchAccounts(): Promise<ReturnType<World["pagerduty"]["account"]>> {
  const second = world.pagerduty.account();
  await call("DELETE", "");
  expect((await call("POST", "", { token: second.apiKey() })).status).toBe(200);
  return second;
}

test("a list of incidents that is under way is not folded into the next account", async () => {
  const first = world.pagerduty.account();
  await connectUser(world, user, first);
  const incident = first.trigger({ silent: true, title: "Of the first account" });
  const held = hold((method, path) => method === "GET" && path.startsWith("/incidents?"));
  const reconciled = call("POST", "/reconcile");
  await held;
  await switchAccounts();
  await reconciled;
  expect((await call("GET", "/incidents")).body).toEqual({ incidents: [], nextCursor: null });
  expect(world.aurora.of(incident.id)).toEqual([]);
});

test("an open incident that is under way is not folded into the next account", async () => {
  const first = world.pagerduty.account();
  const subscription = await connectUser(world, user, first);
  const incident = first.trigger({ createdAt: "2020-01-01T00:00:00Z" });
  await subscription.idle();
  await world.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length === 2);
  incident.silently((silent) => silent.acknowledge());
  const held = hold((method, path) => method === "GET" && path === `/incidents/${incident.id}`);
  const reconciled = call("POST", "/reconcile");
  await held;
  await switchAccounts();
  await reconciled;
  expect((await call("GET", "/incidents")).body).toEqual({ incidents: [], nextCursor: null });
});

test("a recovery that is cut short by a disconnect is no crash", async () => {
  const first = world.pagerduty.account();
  await connectUser(world, user, first);
  first.trigger({ silent: true });
  const held = hold((method, path) => method === "GET" && path.startsWith("/incidents?"));
  const reconciled = call("POST", "/reconcile");
  await held;
  await call("DELETE", "");
  expect((await reconciled).status).toBeLessThan(500);
});

test("a subscription that is being made does not give its secret to the next account", async () => {
  const first = world.pagerduty.account();
  await call("POST", "", { token: first.apiKey() });
  const held = hold((method, path) => method === "POST" && path === "/webhook_subscriptions");
  const made = call("POST", "/subscription");
  await held;
  await switchAccounts();
  expect((await made).status).toBeLessThan(500);
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { verification: "callback", subscription: null },
  });
  // Nobody would ever remove it.
  expect([...first.subscriptions.keys()]).toEqual([]);
});

test("connecting with a subscription is no crash when it is disconnected meanwhile", async () => {
  const first = world.pagerduty.account();
  const held = hold((method, path) => method === "POST" && path === "/webhook_subscriptions");
  const connected = call("POST", "", { token: first.apiKey(), subscribe: true });
  await held;
  await call("DELETE", "");
  expect((await connected).status).toBeLessThan(500);
  expect((await call("GET", "")).body).toEqual({ connected: false });
});

test("a notification that waits for its number is not sent for the next account", async () => {
  const first = world.pagerduty.account();
  const connected = await call("POST", "", { token: first.apiKey() });
  expect(connected.status).toBe(200);
  await call("PUT", "/signing-secret", { secret: "s" });
  const incident = first.trigger({ omitNumber: true, silent: true });
  const body = webhookBody(incident.announce());
  const held = hold((method, path) => method === "GET" && path === `/incidents/${incident.id}`);
  const accepted = await world.worker.request(`/pagerduty/webhook/${user}`, {
    method: "POST",
    headers: { "x-webhook-id": "w", "x-pagerduty-signature": sign("s", body) },
    body,
  });
  expect(accepted.status).toBe(202);
  await held;
  await switchAccounts();
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(world.aurora.accepted).toEqual([]);
  expect(await world.worker.sql(user, "SELECT incident_id FROM incidents")).toEqual([]);
});

test("a crash after a change of accounts, while a delivery of the old one was under way, costs nothing", async () => {
  const first = world.pagerduty.account();
  await connectUser(world, user, first);
  world.aurora.answer = () => ({ hang: true });
  const old = first.trigger();
  const attempted = (id: string) => () =>
    world.aurora.attempts.some(({ body }) => body?.data.incident.incidentId === id);
  await until("the old attempt", attempted(old.id));
  const second = await switchAccounts();
  const subscription = second.subscribe({ url: `${world.worker.url}/pagerduty/webhook/${user}` });
  await call("PUT", "/signing-secret", { secret: subscription.secret });
  const incident = second.trigger();
  await until("the new attempt", attempted(incident.id));
  await world.worker.restart();
  world.aurora.answer = () => ({ status: 202 });
  await world.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length === 2, 60_000);
  expect(world.aurora.of(old.id)).toEqual([]);
}, 90_000);
