import { describe, expect, test } from "vitest";
import { firstBody, sign } from "../emulator/pagerduty.ts";
import { holdNext } from "../support/held-call.ts";
import { consent, failed, follow, registerApp, signInAddress, startOAuthWorld } from "../support/sign-in.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** A disconnect, or a connection to another account, removes all data of the former connection. */

const stage = openStage(startOAuthWorld);

const { call } = stage;

test("a disconnect during a delivery removes all tables", async () => {
  const account = stage.pagerduty.account();
  await stage.connect(account);
  stage.aurora.answer = () => ({ hang: true });
  account.trigger();
  await until("the delivery to be under way", () => stage.aurora.attempts.length > 0);
  expect((await call("DELETE", "")).body).toMatchObject({ deleted: 1 });
  expect((await call("GET", "")).body).toEqual({ connected: false });
  const tables = await stage.sql("SELECT name FROM sqlite_master WHERE name IN ('incidents', 'journal')");
  expect(tables).toEqual([]);
});

test("connecting to the same account keeps its incidents, and connecting to another account removes them", async () => {
  const first = stage.pagerduty.account({ subdomain: "first" });
  const subscription = await stage.connect(first);
  const incident = first.trigger();
  await subscription.idle();
  await stage.settled(1);

  await call("POST", "", { token: first.apiKey() });
  expect((await call("GET", "/incidents")).body).toMatchObject({ incidents: [{ incidentId: incident.id }] });
  expect((await call("GET", "")).body).toMatchObject({ webhook: { verification: "signature" } });

  await call("POST", "", { token: stage.pagerduty.account({ subdomain: "second" }).apiKey() });
  expect((await call("GET", "/incidents")).body).toEqual({ incidents: [], nextCursor: null });
  expect((await call("GET", "")).body).toMatchObject({
    accountSubdomain: "second",
    webhook: { verification: "callback" },
  });
});

test("a user sees nothing of another user, and a webhook with another user's signature is refused", async () => {
  const account = stage.pagerduty.account();
  const subscription = await stage.connect(account);
  const incident = account.trigger();
  await subscription.idle();
  await stage.settled(1);
  const other = `${stage.user}-other`;
  await stage.worker.call(other, "POST", "/pagerduty", { body: { token: account.apiKey() } });
  const theirs = (path: string) => stage.worker.call(other, "GET", `/pagerduty${path}`);
  expect((await theirs("/incidents")).body).toEqual({ incidents: [], nextCursor: null });
  expect((await theirs(`/incidents/${incident.id}`)).status).toBe(404);
  expect((await theirs("/events")).body).toEqual({ events: [], nextCursor: null });
  expect((await theirs("/deliveries")).body).toEqual({ deliveries: [], nextCursor: null });
  const body = firstBody(incident);
  await stage.worker.call(other, "PUT", "/pagerduty/signing-secret", { body: { secret: "theirs" } });
  const crossed = await stage.worker.request(`/pagerduty/webhook/${other}`, {
    method: "POST",
    headers: { "x-pagerduty-signature": sign(subscription.secret, body) },
    body,
  });
  expect(crossed.status).toBe(401);
});

const slow = (server: "api" | "identity", match: (method: string, path: string) => boolean) =>
  holdNext(stage.pagerduty.faults, server, "hang", match);

const isConnected = async () => JSON.stringify((await call("GET", "")).body).startsWith('{"connected":true');

describe("a disconnect", () => {
  test("ends a sign-in that was started earlier, even if there is no connection", async () => {
    registerApp(stage.pagerduty.account());
    const callback = await consent(await signInAddress(stage.worker, stage.user));
    expect((await call("DELETE", "")).body).toMatchObject({ deleted: 0 });
    expect(await follow(stage.worker, callback)).toBe(failed("invalid"));
    expect(await isConnected()).toBe(false);
  });

  test("ends a sign-in whose code is being exchanged", async () => {
    const account = registerApp(stage.pagerduty.account());
    await call("POST", "", { token: account.apiKey() });
    const callback = await consent(await signInAddress(stage.worker, stage.user));
    const held = slow("identity", (_, path) => path.startsWith("/oauth/token"));
    const ended = follow(stage.worker, callback);
    await held.underWay();
    expect((await call("DELETE", "")).body).toMatchObject({ deleted: 1 });
    held.release();
    expect(await ended).toBe(failed("invalid"));
    expect(await isConnected()).toBe(false);
  });

  test("ends a call to connect while the token is being checked", async () => {
    const token = stage.pagerduty.account().apiKey();
    const held = slow("api", (_, path) => path.startsWith("/users/me"));
    const connecting = call("POST", "", { token });
    await held.underWay();
    expect((await call("DELETE", "")).body).toMatchObject({ deleted: 0 });
    held.release();
    expect(await connecting).toMatchObject({ status: 404, body: { code: "not_connected" } });
    expect(await isConnected()).toBe(false);
  });

  test("does not affect a new connection that is made while the old subscription is being removed", async () => {
    const account = stage.pagerduty.account();
    await call("POST", "", { token: account.apiKey(), subscribe: true });
    const held = slow("api", (method) => method === "DELETE");
    const leaving = call("DELETE", "");
    await held.underWay();
    const checks = () => stage.pagerduty.requests.filter(({ path }) => path.startsWith("/users/me")).length;
    const before = checks();
    const connecting = call("POST", "", { token: account.apiKey() });
    await until("the new token is checked", () => checks() > before);
    held.release();
    const connected = await connecting;
    expect(connected.body).toMatchObject({ connected: true, webhook: { verification: "callback" } });
    expect((await leaving).body).toEqual({ success: true, deleted: 1, subscriptionDeleted: true });
    expect(await isConnected()).toBe(true);
  });

  test("that is requested five times at once is answered with `deleted: 1` only once", async () => {
    await call("POST", "", { token: stage.pagerduty.account().apiKey(), subscribe: true });
    const replies = await Promise.all(Array.from({ length: 5 }, () => call("DELETE", "")));
    const deleted = replies.map(({ body }) => /"deleted":(\d)/.exec(JSON.stringify(body))?.[1]);
    expect(deleted.sort()).toEqual(["0", "0", "0", "0", "1"]);
  });
});

test("connecting to another account removes the subscription that was created at the former account", async () => {
  const [former, next] = [stage.pagerduty.account(), stage.pagerduty.account()];
  await call("POST", "", { token: former.apiKey(), subscribe: true });
  expect(former.subscriptions.size).toBe(1);
  await call("POST", "", { token: next.apiKey(), subscribe: true });
  expect([former.subscriptions.size, next.subscriptions.size]).toEqual([0, 1]);
});
