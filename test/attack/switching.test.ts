import { expect, test } from "vitest";
import { type Account, sign, webhookBody } from "../emulator/pagerduty.ts";
import { holdNext } from "../support/held-call.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/**
 * The user switches to another PagerDuty account during a call for the old account. The answer to that call must not
 * reach the new account.
 */

const stage = openStage();

const { call } = stage;

const hold = (match: (method: string, path: string) => boolean) =>
  holdNext(stage.pagerduty.faults, "api", "hold", match);

async function switchAccounts(): Promise<Account> {
  const second = stage.pagerduty.account();
  await call("DELETE", "");
  expect((await call("POST", "", { token: second.apiKey() })).status).toBe(200);
  return second;
}

test("a list of the old account's incidents is not stored if it arrives after the switch", async () => {
  const first = stage.pagerduty.account();
  await stage.connect(first);
  const incident = first.trigger({ silent: true, title: "Of the first account" });
  const held = hold((method, path) => method === "GET" && path.startsWith("/incidents?"));
  const reconciled = call("POST", "/reconcile");
  await held.underWay();
  await switchAccounts();
  held.release();
  await reconciled;
  expect((await call("GET", "/incidents")).body).toEqual({ incidents: [], nextCursor: null });
  expect(stage.aurora.of(incident.id)).toEqual([]);
});

test("an incident of the old account is not stored if PagerDuty's answer arrives after the switch", async () => {
  const first = stage.pagerduty.account();
  const subscription = await stage.connect(first);
  const incident = first.trigger({ createdAt: "2020-01-01T00:00:00Z" });
  await subscription.idle();
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length === 2);
  incident.silently((silent) => silent.acknowledge());
  const held = hold((method, path) => method === "GET" && path === `/incidents/${incident.id}`);
  const reconciled = call("POST", "/reconcile");
  await held.underWay();
  await switchAccounts();
  held.release();
  await reconciled;
  expect((await call("GET", "/incidents")).body).toEqual({ incidents: [], nextCursor: null });
});

test("a disconnect during a recovery causes no 5xx answer", async () => {
  const first = stage.pagerduty.account();
  await stage.connect(first);
  first.trigger({ silent: true });
  const held = hold((method, path) => method === "GET" && path.startsWith("/incidents?"));
  const reconciled = call("POST", "/reconcile");
  await held.underWay();
  await call("DELETE", "");
  held.release();
  expect((await reconciled).status).toBeLessThan(500);
});

test("a subscription that is created during the switch is removed, and its secret is not stored", async () => {
  const first = stage.pagerduty.account();
  await call("POST", "", { token: first.apiKey() });
  const held = hold((method, path) => method === "POST" && path === "/webhook_subscriptions");
  const made = call("POST", "/subscription");
  await held.underWay();
  await switchAccounts();
  held.release();
  expect((await made).status).toBeLessThan(500);
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { verification: "callback", subscription: null },
  });
  expect([...first.subscriptions.keys()]).toEqual([]);
});

test("a connect gets no 5xx answer if a disconnect interrupts the creation of its subscription", async () => {
  const first = stage.pagerduty.account();
  const held = hold((method, path) => method === "POST" && path === "/webhook_subscriptions");
  const connected = call("POST", "", { token: first.apiKey(), subscribe: true });
  await held.underWay();
  await call("DELETE", "");
  held.release();
  expect((await connected).status).toBeLessThan(500);
  expect((await call("GET", "")).body).toEqual({ connected: false });
});

test("a notification that waits for its incident's number is not sent after the switch", async () => {
  const first = stage.pagerduty.account();
  const connected = await call("POST", "", { token: first.apiKey() });
  expect(connected.status).toBe(200);
  await call("PUT", "/signing-secret", { secret: "s" });
  const incident = first.trigger({ omitNumber: true, silent: true });
  const body = webhookBody(incident.announce());
  const held = hold((method, path) => method === "GET" && path === `/incidents/${incident.id}`);
  const accepted = await stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers: { "x-webhook-id": "w", "x-pagerduty-signature": sign("s", body) },
    body,
  });
  expect(accepted.status).toBe(202);
  await held.underWay();
  const second = await switchAccounts();
  held.release();
  // Once the new account's incident has arrived, any effect of the old account's answer would be visible.
  const subscription = second.subscribe({ url: `${stage.worker.url}/pagerduty/webhook/${stage.user}` });
  await call("PUT", "/signing-secret", { secret: subscription.secret });
  const later = second.trigger();
  await stage.aurora.waitFor("the next account's incident", (aurora) => aurora.of(later.id).length > 0);
  expect(stage.aurora.of(incident.id)).toEqual([]);
  expect(await stage.sql("SELECT incident_id AS id FROM incidents")).toEqual([{ id: later.id }]);
});

test("if the user switches during a delivery and the Worker is then restarted, only the new account's incident arrives", async () => {
  const first = stage.pagerduty.account();
  await stage.connect(first);
  stage.aurora.answer = () => ({ hang: true });
  const old = first.trigger();
  const attempted = (id: string) => () =>
    stage.aurora.attempts.some(({ body }) => body?.data.incident.incidentId === id);
  await until("the former account's attempt", attempted(old.id));
  const second = await switchAccounts();
  const subscription = second.subscribe({ url: `${stage.worker.url}/pagerduty/webhook/${stage.user}` });
  await call("PUT", "/signing-secret", { secret: subscription.secret });
  const incident = second.trigger();
  await until("the new account's attempt", attempted(incident.id));
  await stage.worker.restart();
  stage.aurora.answer = () => ({ status: 202 });
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length === 2);
  expect(stage.aurora.of(old.id)).toEqual([]);
});
