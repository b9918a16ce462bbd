import { expect, test } from "vitest";
import type { Activity } from "../../src/contract/answers.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { Watcher, watch } from "../support/watcher.ts";
import { INTERNAL_SECRET } from "../support/worker.ts";
import { startWorld } from "../support/world.ts";

const stage = openStage(() => startWorld({ FRONTEND_URL: "https://aurora.example.com" }));

async function opened(headers: Record<string, string> = {}): Promise<Watcher> {
  const watcher = await watch(`${stage.worker.url}/pagerduty/live`, {
    "x-internal-secret": INTERNAL_SECRET,
    "x-user-id": stage.user,
    ...headers,
  });
  if (!(watcher instanceof Watcher)) throw new Error(`Refused with ${watcher}`);
  return watcher;
}

test("the WebSocket for live changes needs Aurora's secret, and a plain GET of its path gets 426", async () => {
  expect(await watch(`${stage.worker.url}/pagerduty/live`, { "x-user-id": stage.user })).toBe(403);
  const plain = await stage.call("GET", "/live");
  expect(plain.status).toBe(426);
  expect(plain.body).toMatchObject({ code: "upgrade_required" });
});

test("a WebSocket reports the connection, an incident, the incident's deliveries and the disconnect", async () => {
  const watcher = await opened();
  const account = stage.pagerduty.account();
  await stage.connect(account);
  await watcher.waitFor("the connection", (messages) => messages.some(({ connected }) => connected === true));

  const incident = account.trigger({ title: "Disk full", priority: "P2" });
  await watcher.waitFor("the incident", () => watcher.of("incident").length > 0);
  expect(watcher.of("incident")[0]).toMatchObject({
    incident: { incidentId: incident.id, title: "Disk full", severity: "high", status: "investigating" },
  });
  await watcher.waitFor("its delivery", () =>
    watcher.of("delivery").some(({ delivery }) => JSON.stringify(delivery).includes('"state":"delivered"')),
  );
  await stage.call("DELETE", "");
  await watcher.waitFor("the disconnect", (messages) => messages.at(-1)?.["connected"] === false);
  await watcher.close();
});

test("a ping over the WebSocket is answered, and a change after the object's eviction reaches the client", async () => {
  const account = stage.pagerduty.account();
  await stage.connect(account);
  const watcher = await opened();
  watcher.socket.send("ping");
  await until("the pong", () => watcher.pongs.length === 1);
  await stage.worker.evict(stage.user);
  // In the local runtime an eviction may close the socket. The test then opens a new socket, as the console does.
  const again = watcher.closedWith === null ? watcher : await opened();
  account.trigger({ title: "After the sleep" });
  await again.waitFor("the incident", () => again.of("incident").length > 0);
  await again.close();
});

test("a refused webhook is reported over the WebSocket as a change of the status", async () => {
  await stage.connect(stage.pagerduty.account());
  const watcher = await opened();
  const before = watcher.of("status").length;
  await stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers: { "x-pagerduty-signature": `v1=${"0".repeat(64)}` },
    body: "{}",
  });
  await watcher.waitFor("the change", () => watcher.of("status").length > before);
  await watcher.close();
});

test("a WebSocket of another organisation receives nothing", async () => {
  const account = stage.pagerduty.account();
  const early = await opened({ "x-org-id": "theirs" });
  const connected = await stage.call("POST", "", { token: account.apiKey() }, { "x-org-id": "ours" });
  expect(connected.status).toBe(200);
  expect(early.messages).toEqual([]);
  await early.close();
});

test("the 33rd WebSocket of a user gets 429 until one of the others closes", async () => {
  const watchers = await Promise.all(Array.from({ length: 32 }, () => opened()));
  const headers = { "x-internal-secret": INTERNAL_SECRET, "x-user-id": stage.user };
  expect(await watch(`${stage.worker.url}/pagerduty/live`, headers)).toBe(429);
  await watchers[0]?.close();
  let late: Watcher | number = 0;
  await until("another WebSocket to be accepted", async () => {
    late = await watch(`${stage.worker.url}/pagerduty/live`, headers);
    return late instanceof Watcher;
  });
  for (const watcher of watchers.slice(1)) watcher.socket.terminate();
});

test("the activity has hourly counts of webhooks, refusals, deliveries and failed attempts", async () => {
  const account = stage.pagerduty.account();
  const { user } = stage;
  await stage.connect(account);
  stage.aurora.answer = ({ index }) => ({ status: index === 0 ? 503 : 202 });
  account.trigger();
  await fetch(`${stage.worker.url}/pagerduty/webhook/${user}`, { method: "POST", body: "{}" });
  await until("everything to be counted", async () => {
    const { body } = await stage.call("GET", "/activity");
    const { hours = [], day } = body as Partial<Activity>;
    expect(hours).toHaveLength(24);
    return (
      day?.received === 1 && day.refused === 1 && day.delivered >= 1 && day.failed >= 1 && day.p95Ms !== null
    );
  });
});
