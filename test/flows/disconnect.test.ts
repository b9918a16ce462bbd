import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { sign, webhookBody } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import { settled } from "../support/worker.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

/** Between connections: nothing leaks, nothing comes back. */

let world: World;
let serial = 0;
let user: string;

beforeAll(async () => {
  world = await startWorld();
});
beforeEach(() => {
  world.aurora.reset();
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
