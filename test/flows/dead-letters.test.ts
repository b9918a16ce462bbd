import { afterAll, beforeAll, expect, test } from "vitest";
import { slowness } from "../support/patience.ts";
import { until } from "../support/until.ts";
import { connectUser, startWorldWith, type World } from "../support/world.ts";

/**
 * Webhooks that cannot be processed go to the dead-letter queue. The queue's consumer stores these webhooks in the
 * tenant's object. A person can retry them there.
 */

let world: World;
beforeAll(async () => {
  // One retry, because twenty retries take hours. The dead-letter queue holds a message for 5 s, or longer on a slow
  // machine. In this time a test repairs the fault or moves the connection.
  world = await startWorldWith((config) =>
    config
      .replace("max_retries = 20", "max_retries = 1")
      .replace("max_batch_timeout = 5", `max_batch_timeout = ${Math.min(60, Math.ceil(5 * slowness()))}`),
  );
});
afterAll(() => world.close());

const failuresOf = (user: string): string[] =>
  world.worker
    .logs()
    .filter((line) => line.includes("webhook.processed") && line.includes(user) && line.includes("failed"));

test.concurrent("a webhook that cannot be processed is stored as failed, blocks no other webhook, and can be retried after the repair", async () => {
  const { worker, aurora, pagerduty } = world;
  const account = pagerduty.account();
  const subscription = await connectUser(world, "alice", account);
  const poison = account.trigger({ title: "Poison" });
  await aurora.waitFor("the incident", () => aurora.of(poison.id).length === 2);
  const [row] = await worker.sql("alice", "SELECT state FROM incidents");
  await worker.sql("alice", "UPDATE incidents SET state = 'unreadable'");

  poison.acknowledge();
  const fine = account.trigger({ title: "Fine" });
  await subscription.idle();
  await aurora.waitFor("the readable incident", () => aurora.of(fine.id).length > 0);
  expect(aurora.of(poison.id)).toHaveLength(2);

  await until(
    "the message to be parked",
    async () => (await worker.sql("alice", "SELECT 1 FROM journal WHERE outcome = 'failed'")).length === 1,
  );
  const events = await worker.call("alice", "GET", "/pagerduty/events");
  expect(events.text).toContain('"outcome":"failed"');
  const status = await worker.call("alice", "GET", "/pagerduty");
  expect(status.body).toMatchObject({ problems: [{ code: "webhooks_failed" }] });

  const before = await worker.call("alice", "POST", "/pagerduty/events/retry");
  expect(before.body).toEqual({ retried: 0 });
  await worker.sql(
    "alice",
    "UPDATE incidents SET state = ? WHERE state = 'unreadable'",
    String(row?.["state"]),
  );
  const after = await worker.call("alice", "POST", "/pagerduty/events/retry");
  expect(after.body).toEqual({ retried: 1 });
  await aurora.waitFor("the acknowledgement", () =>
    aurora.of(poison.id).some(({ type }) => type === "incident.acknowledged"),
  );
  expect((await worker.call("alice", "GET", "/pagerduty")).body).toMatchObject({ problems: [] });
});

test.concurrent("a webhook needs no manual retry if its fault is repaired before the dead-letter queue's consumer runs", async () => {
  const { worker, aurora, pagerduty } = world;
  const account = pagerduty.account();
  const subscription = await connectUser(world, "bob", account);
  const incident = account.trigger();
  await aurora.waitFor("the incident", () => aurora.of(incident.id).length === 2);
  const [row] = await worker.sql("bob", "SELECT state FROM incidents");
  await worker.sql("bob", "UPDATE incidents SET state = 'unreadable'");
  incident.acknowledge();
  await subscription.idle();
  await until("the attempts of the Queue", () => failuresOf("bob").length >= 2);
  await worker.sql("bob", "UPDATE incidents SET state = ?", String(row?.["state"]));
  await aurora.waitFor("the acknowledgement", () => aurora.of(incident.id).length === 3);
});

test.concurrent("if a connection moves to an organisation, its webhook in the dead-letter queue is given to the organisation", async () => {
  const { worker, aurora, pagerduty } = world;
  const account = pagerduty.account();
  const subscription = await connectUser(world, "carol", account);
  const incident = account.trigger();
  await aurora.waitFor("the incident", () => aurora.of(incident.id).length === 2);
  await worker.sql("carol", "UPDATE incidents SET state = 'unreadable'");
  incident.acknowledge();
  await subscription.idle();
  await until("the attempts of the Queue", () => failuresOf("carol").length >= 2);
  await worker.call("carol", "DELETE", "/pagerduty");
  const headers = { "x-org-id": "acme" };
  await worker.call("carol", "POST", "/pagerduty", { body: { token: account.apiKey() }, headers });
  await until("the organisation lists the webhook", async () => {
    const { text } = await worker.call("carol", "GET", "/pagerduty/events?type=incident.acknowledged", {
      headers,
    });
    return text.includes(incident.id);
  });
});
