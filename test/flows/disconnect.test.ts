import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sign, webhookBody } from "../emulator/pagerduty.ts";
import { consent, failed, follow, registerApp, signInAddress, startOAuthWorld } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { settled } from "../support/worker.ts";
import { connectUser, type World } from "../support/world.ts";

/** Between connections: nothing leaks, nothing comes back. */

let world: World;
let serial = 0;
let user: string;

beforeAll(async () => {
  world = await startOAuthWorld();
});
beforeEach(() => {
  world.aurora.reset();
  world.pagerduty.faults.api = null;
  world.pagerduty.faults.identity = null;
  serial += 1;
  user = `user-${serial}`;
});
afterAll(() => world.close());

const call = (method: string, path: string, body?: object) =>
  world.worker.call(user, method, `/pagerduty${path}`, body ? { body } : {});

test("a disconnect while a delivery is under way leaves nothing behind", async () => {
  const account = world.pagerduty.account();
  await connectUser(world, user, account);
  world.aurora.answer = () => ({ hang: true });
  account.trigger();
  await until("the delivery to be under way", () => world.aurora.attempts.length > 0);
  expect((await call("DELETE", "")).body).toMatchObject({ deleted: 1 });
  expect((await call("GET", "")).body).toEqual({ connected: false });
  const tables = await world.worker.sql(
    user,
    "SELECT name FROM sqlite_master WHERE name IN ('incidents', 'journal')",
  );
  expect(tables).toEqual([]);
});

test("webhooks that were queued before a disconnect do not resurrect anything", async () => {
  const account = world.pagerduty.account();
  const subscription = await connectUser(world, user, account);
  account.unsubscribe(subscription.id);
  const incident = account.trigger();
  const [event] = incident.events;
  if (!event) throw new Error("The incident has no event");
  const body = webhookBody(event);
  // Accepted, and taken back before the Queue hands it over.
  const accepted = world.worker.request(`/pagerduty/webhook/${user}`, {
    method: "POST",
    headers: { "x-webhook-id": "w", "x-pagerduty-signature": sign(subscription.secret, body) },
    body,
  });
  expect((await accepted).status).toBe(202);
  await call("DELETE", "");
  const other = world.pagerduty.account();
  const fresh = await connectUser(world, user, other);
  const marker = other.trigger({ title: "Of the other account" });
  await fresh.idle();
  await settled(world.worker, user, 1);
  const listed = await call("GET", "/incidents");
  expect(listed.body).toMatchObject({ incidents: [{ incidentId: marker.id }] });
  expect(world.aurora.of(incident.id)).toEqual([]);
});

test("connecting to another account starts from nothing; to the same one it goes on", async () => {
  const first = world.pagerduty.account({ subdomain: "first" });
  const subscription = await connectUser(world, user, first);
  const incident = first.trigger();
  await subscription.idle();
  await settled(world.worker, user, 1);

  await call("POST", "", { token: first.apiKey() });
  expect((await call("GET", "/incidents")).body).toMatchObject({ incidents: [{ incidentId: incident.id }] });
  expect((await call("GET", "")).body).toMatchObject({ webhook: { verification: "signature" } });

  await call("POST", "", { token: world.pagerduty.account({ subdomain: "second" }).apiKey() });
  expect((await call("GET", "/incidents")).body).toEqual({ incidents: [], nextCursor: null });
  expect((await call("GET", "")).body).toMatchObject({
    accountSubdomain: "second",
    webhook: { verification: "callback" },
  });
});

test("users see nothing of each other", async () => {
  const account = world.pagerduty.account();
  const subscription = await connectUser(world, user, account);
  const incident = account.trigger();
  await subscription.idle();
  await settled(world.worker, user, 1);
  const other = `${user}-other`;
  await world.worker.call(other, "POST", "/pagerduty", { body: { token: account.apiKey() } });
  const theirs = (path: string) => world.worker.call(other, "GET", `/pagerduty${path}`);
  expect((await theirs("/incidents")).body).toEqual({ incidents: [], nextCursor: null });
  expect((await theirs(`/incidents/${incident.id}`)).status).toBe(404);
  expect((await theirs("/events")).body).toEqual({ events: [], nextCursor: null });
  expect((await theirs("/deliveries")).body).toEqual({ deliveries: [], nextCursor: null });
  // A webhook of one user's subscription is nobody else's.
  const [event] = incident.events;
  if (!event) throw new Error("The incident has no event");
  const body = webhookBody(event);
  await world.worker.call(other, "PUT", "/pagerduty/signing-secret", { body: { secret: "theirs" } });
  const crossed = await world.worker.request(`/pagerduty/webhook/${other}`, {
    method: "POST",
    headers: { "x-pagerduty-signature": sign(subscription.secret, body) },
    body,
  });
  expect(crossed.status).toBe(401);
});

/** PagerDuty takes its time for the next call that `match` takes. Kept when the call is under way. */
function slow(server: "api" | "identity", match: (method: string, path: string) => boolean): Promise<void> {
  const plan = { hangMs: 500, times: 1, match };
  world.pagerduty.faults[server] = plan;
  return until("the call to be under way", () => plan.times === 0);
}

const isConnected = async () => JSON.stringify((await call("GET", "")).body).startsWith('{"connected":true');

describe("a disconnect holds", () => {
  test("against a sign-in that was begun before it, connected or not", async () => {
    registerApp(world.pagerduty.account());
    const callback = await consent(await signInAddress(world.worker, user));
    expect((await call("DELETE", "")).body).toMatchObject({ deleted: 0 });
    expect(await follow(world.worker, callback)).toBe(failed("invalid"));
    expect(await isConnected()).toBe(false);
  });

  test("against a code that is being exchanged", async () => {
    const account = registerApp(world.pagerduty.account());
    await call("POST", "", { token: account.apiKey() });
    const callback = await consent(await signInAddress(world.worker, user));
    const underWay = slow("identity", (_, path) => path.startsWith("/oauth/token"));
    const ended = follow(world.worker, callback);
    await underWay;
    expect((await call("DELETE", "")).body).toMatchObject({ deleted: 1 });
    expect(await ended).toBe(failed("invalid"));
    expect(await isConnected()).toBe(false);
  });

  test("against a token that is being checked", async () => {
    const token = world.pagerduty.account().apiKey();
    const underWay = slow("api", (_, path) => path.startsWith("/users/me"));
    const connecting = call("POST", "", { token });
    await underWay;
    expect((await call("DELETE", "")).body).toMatchObject({ deleted: 0 });
    expect(await connecting).toMatchObject({ status: 404, body: { code: "not_connected" } });
    expect(await isConnected()).toBe(false);
  });

  test("and takes nothing away that was connected after it was asked for", async () => {
    const account = world.pagerduty.account();
    await call("POST", "", { token: account.apiKey(), subscribe: true });
    const underWay = slow("api", (method) => method === "DELETE");
    const leaving = call("DELETE", "");
    await underWay;
    const connected = await call("POST", "", { token: account.apiKey() });
    expect(connected.body).toMatchObject({ connected: true, webhook: { verification: "callback" } });
    expect((await leaving).body).toEqual({ success: true, deleted: 1, subscriptionDeleted: true });
    expect(await isConnected()).toBe(true);
  });

  test("and counts once, however often it is asked for at once", async () => {
    await call("POST", "", { token: world.pagerduty.account().apiKey(), subscribe: true });
    const replies = await Promise.all(Array.from({ length: 5 }, () => call("DELETE", "")));
    const deleted = replies.map(({ body }) => /"deleted":(\d)/.exec(JSON.stringify(body))?.[1]);
    expect(deleted.sort()).toEqual(["0", "0", "0", "0", "1"]);
  });
});

test("connecting to another account takes the webhook away that was made at the one before", async () => {
  const [former, next] = [world.pagerduty.account(), world.pagerduty.account()];
  await call("POST", "", { token: former.apiKey(), subscribe: true });
  expect(former.subscriptions.size).toBe(1);
  await call("POST", "", { token: next.apiKey(), subscribe: true });
  expect([former.subscriptions.size, next.subscriptions.size]).toEqual([0, 1]);
});

test("a hint that waits in the Queue is nothing to the account that is connected by then", async () => {
  const former = world.pagerduty.account();
  await call("POST", "", { token: former.apiKey() });
  const incident = former.trigger({ silent: true, title: "Confidential of the first" });
  const accepted = await world.worker.request(`/pagerduty/webhook/${user}`, {
    method: "POST",
    headers: { "x-webhook-id": "w" },
    body: webhookBody(incident.announce()),
  });
  expect(accepted.status).toBe(202);
  const next = world.pagerduty.account();
  await call("POST", "", { token: next.apiKey() });
  await until("it to come out of the Queue", () =>
    world.worker.logs().some((line) => line.includes("webhook.processed") && line.includes(user)),
  );
  expect((await call("GET", "/events/w")).status).toBe(404);
});
