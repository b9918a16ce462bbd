import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { Watcher, watch } from "../support/watcher.ts";
import { INTERNAL_SECRET } from "../support/worker.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

let world: World;
let serial = 0;
let user: string;
beforeAll(async () => {
  world = await startWorld({ FRONTEND_URL: "https://aurora.example.com" });
});
beforeEach(() => {
  serial += 1;
  user = `watched-${serial}`;
});
afterAll(() => world.close());

async function opened(headers: Record<string, string> = {}): Promise<Watcher> {
  const watcher = await watch(`${world.worker.url}/pagerduty/live`, {
    "x-internal-secret": INTERNAL_SECRET,
    "x-user-id": user,
    ...headers,
  });
  if (!(watcher instanceof Watcher)) throw new Error(`Refused with ${watcher}`);
  return watcher;
}

test("nobody watches without Aurora's secret, and a plain GET is told what to do", async () => {
  expect(await watch(`${world.worker.url}/pagerduty/live`, { "x-user-id": user })).toBe(403);
  const plain = await world.worker.call(user, "GET", "/pagerduty/live");
  expect(plain.status).toBe(426);
  expect(plain.body).toMatchObject({ code: "upgrade_required" });
});

test("connecting, an incident and its deliveries are told to the one who watches", async () => {
  const watcher = await opened();
  const account = world.pagerduty.account();
  await connectUser(world, user, account);
  await watcher.waitFor("the connection", (messages) => messages.some(({ connected }) => connected === true));

  const incident = account.trigger({ title: "Disk full", priority: "P2" });
  await watcher.waitFor("the incident", () => watcher.of("incident").length > 0);
  expect(watcher.of("incident")[0]).toMatchObject({
    incident: { incidentId: incident.id, title: "Disk full", severity: "high", status: "investigating" },
  });
  await watcher.waitFor("its delivery", () =>
    watcher.of("delivery").some(({ delivery }) => JSON.stringify(delivery).includes('"state":"delivered"')),
  );
  await world.worker.call(user, "DELETE", "/pagerduty");
  await watcher.waitFor("the end", (messages) => messages.at(-1)?.["connected"] === false);
  await watcher.close();
});

test("a ping is answered without waking anybody, and what happens after a long sleep is told", async () => {
  const account = world.pagerduty.account();
  await connectUser(world, user, account);
  const watcher = await opened();
  watcher.socket.send("ping");
  await until("the pong", () => watcher.pongs.length === 1);
  await world.worker.evict(user);
  // Eviction cuts sockets in this runtime or keeps them: either way, a page that comes back is told.
  const again = watcher.closedWith === null ? watcher : await opened();
  account.trigger({ title: "After the sleep" });
  await again.waitFor("the incident", () => again.of("incident").length > 0);
  await again.close();
});

test("a refused webhook is told as a change of status", async () => {
  await connectUser(world, user, world.pagerduty.account());
  const watcher = await opened();
  const before = watcher.of("status").length;
  await world.worker.request(`/pagerduty/webhook/${user}`, {
    method: "POST",
    headers: { "x-pagerduty-signature": `v1=${"0".repeat(64)}` },
    body: "{}",
  });
  await watcher.waitFor("the change", () => watcher.of("status").length > before);
  await watcher.close();
});

test("a socket of another organisation receives nothing", async () => {
  const account = world.pagerduty.account();
  const early = await opened({ "x-org-id": "theirs" });
  const connected = await world.worker.call(user, "POST", "/pagerduty", {
    body: { token: account.apiKey() },
    headers: { "x-org-id": "ours" },
  });
  expect(connected.status).toBe(200);
  expect(early.messages).toEqual([]);
  await early.close();
});

test("a user's windows are limited, and one that closed makes room", async () => {
  const watchers = await Promise.all(Array.from({ length: 32 }, () => opened()));
  const headers = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": user };
  expect(await watch(`${world.worker.url}/pagerduty/live`, headers)).toBe(429);
  await watchers[0]?.close();
  let late: Watcher | number = 0;
  await until("the room", async () => {
    late = await watch(`${world.worker.url}/pagerduty/live`, headers);
    return late instanceof Watcher;
  });
  for (const watcher of watchers.slice(1)) watcher.socket.terminate();
});

test("the activity counts what came and went in this hour", async () => {
  const account = world.pagerduty.account();
  await connectUser(world, user, account);
  account.trigger();
  await until("the delivery to be counted", async () => {
    const { body } = await world.worker.call(user, "GET", "/pagerduty/activity");
    const hours = (body as { hours?: { received: number; delivered: number }[] }).hours ?? [];
    expect(hours).toHaveLength(24);
    const sum = (name: "received" | "delivered") => hours.reduce((total, hour) => total + hour[name], 0);
    return sum("received") === 1 && sum("delivered") >= 1;
  });
});
