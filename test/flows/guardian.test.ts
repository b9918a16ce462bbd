import { expect, test } from "vitest";
import type { Subscription } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { nextSecond, until } from "../support/until.ts";
import { startWorld } from "../support/world.ts";

/** What silently breaks such integrations is noticed, mended and made up for. */

const stage = openStage(() => startWorld({ RECONCILE_MINUTES: "10" }));

const { call } = stage;
const connected = async (token = stage.account.apiKey()): Promise<Subscription> => {
  expect((await call("POST", "", { token, subscribe: true })).status).toBe(200);
  // The first check follows the connecting; this one follows that.
  expect((await call("POST", "/reconcile")).status).toBe(200);
  const [subscription] = [...stage.account.subscriptions.values()];
  if (!subscription) throw new Error("There is no subscription");
  return subscription;
};
const types = (incidentId: string) => stage.aurora.of(incidentId).map(({ type }) => type);

test("a subscription that PagerDuty switched off is enabled again, and what was missed is recovered, once", async () => {
  const subscription = await connected();
  subscription.temporarilyDisabled = true;
  const first = stage.account.trigger({ title: "Missed one", priority: "P1" });
  const second = stage.account.trigger({ title: "Missed two" });
  second.resolve();

  const reply = await call("POST", "/reconcile");
  expect([reply.status, reply.body]).toMatchObject([
    200,
    { recovered: 2, subscription: { id: subscription.id, state: "active" } },
  ]);
  expect(subscription.temporarilyDisabled).toBe(false);
  await stage.settled(0);
  expect(types(first.id)).toEqual(["incident.triggered", "incident.rca_requested"]);
  expect(types(second.id)).toEqual(["incident.resolved"]);
  expect(stage.aurora.of(first.id)[0]?.data).toMatchObject({
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
  await stage.settled(0);
  expect(stage.aurora.of(first.id)).toHaveLength(2);
});

test("a webhook made by hand is looked after, too: switched off by three refusals, mended with the secret", async () => {
  expect((await call("POST", "", { token: stage.account.apiKey() })).status).toBe(200);
  const subscription = stage.account.subscribe({
    url: `${stage.worker.url}/pagerduty/webhook/${stage.user}`,
  });
  await call("PUT", "/signing-secret", { secret: "copied from somewhere else" });
  const refused = [stage.account.trigger(), stage.account.trigger(), stage.account.trigger()];
  await until("PagerDuty to switch it off", () => subscription.temporarilyDisabled);
  const meanwhile = [
    stage.account.trigger({ title: "Meanwhile" }),
    stage.account.trigger({ title: "And then" }),
  ];
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { rejected: { count: 3, lastReason: expect.stringContaining("signing secret does not match") } },
    problems: expect.arrayContaining([expect.objectContaining({ code: "webhooks_refused" })]),
  });

  await call("PUT", "/signing-secret", { secret: subscription.secret });
  const missed = [...refused, ...meanwhile];
  await stage.aurora.waitFor("all of them", () => missed.every(({ id }) => types(id).length === 2));
  await until("the check that enabled it again is over", async () =>
    (await call("GET", "")).text.includes("subscription_was_disabled"),
  );
  expect(subscription.temporarilyDisabled).toBe(false);
  expect(missed.map(({ id }) => types(id))).toEqual(
    missed.map(() => ["incident.triggered", "incident.rca_requested"]),
  );
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { subscription: { id: subscription.id, state: "active" }, rejected: { count: 0 } },
    problems: [{ code: "subscription_was_disabled" }],
  });
  expect((await call("DELETE", "")).body).toMatchObject({ subscriptionDeleted: null });
  expect(stage.account.subscriptions.size).toBe(1);
});

test("events go on after the recovery without a seam", async () => {
  const subscription = await connected();
  subscription.temporarilyDisabled = true;
  const incident = stage.account.trigger();
  await call("POST", "/reconcile");
  incident.acknowledge();
  incident.resolve();
  await subscription.idle();
  await stage.settled(2);
  expect(types(incident.id).filter((type) => type !== "incident.rca_requested")).toEqual([
    "incident.triggered",
    "incident.acknowledged",
    "incident.resolved",
  ]);
});

test("what is known is not told again", async () => {
  const subscription = await connected();
  const incident = stage.account.trigger();
  await subscription.idle();
  await stage.settled(1);
  const told = stage.aurora.accepted.length;
  const reply = await call("POST", "/reconcile");
  expect(reply.body).toMatchObject({ checked: 1, recovered: 0 });
  expect(stage.aurora.accepted).toHaveLength(told);
  expect(stage.aurora.of(incident.id)).not.toHaveLength(0);
});

test("a missed resolution of an incident that we hold open is found, however old it is", async () => {
  const subscription = await connected();
  const createdAt = new Date(Date.now() - 3 * 24 * 3600 * 1000).toISOString();
  const incident = stage.account.trigger({ createdAt });
  await subscription.idle();
  await stage.settled(1);
  subscription.temporarilyDisabled = true;
  incident.resolve();
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 1 });
  await stage.aurora.waitFor("the resolution", () => types(incident.id).includes("incident.resolved"));
});

test("missed fields come with their incident", async () => {
  const subscription = await connected();
  subscription.temporarilyDisabled = true;
  const incident = stage.account.trigger();
  incident.setField("runbook_link", "http://localhost/runbook");
  await call("POST", "/reconcile");
  await stage.settled(0);
  expect(stage.aurora.of(incident.id)[0]?.data.incident.customFields).toEqual({
    runbook_link: "http://localhost/runbook",
  });
});

test("connecting brings the open incidents of the last day; what was over by then comes when asked for", async () => {
  const open = stage.account.trigger({ silent: true });
  const over = stage.account.trigger({ silent: true });
  over.silently((incident) => incident.resolve());
  const old = stage.account.trigger({ silent: true, createdAt: "2020-01-01T00:00:00Z" });
  // It counts as over when the second of its resolution has passed.
  await nextSecond();
  expect((await call("POST", "", { token: stage.account.apiKey() })).status).toBe(200);
  await stage.aurora.waitFor("the open incident", (aurora) => aurora.of(open.id).length === 2);
  expect(types(open.id)).toEqual(["incident.triggered", "incident.rca_requested"]);
  await stage.settled(0);
  expect(types(over.id)).toEqual([]);
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 1 });
  await stage.aurora.waitFor("the other", (aurora) => aurora.of(over.id).length > 0);
  expect(types(over.id)).toEqual(["incident.resolved"]);
  expect(types(old.id)).toEqual([]);
});

test("a subscription that was deleted is noticed", async () => {
  await connected();
  stage.account.subscriptions.clear();
  expect((await call("POST", "/reconcile")).body).toMatchObject({ subscription: { state: "missing" } });
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { subscription: { state: "missing" } },
    problems: [{ code: "subscription_missing" }],
  });
});

test("a credential that died is noticed, and a new one makes up for the time between", async () => {
  const token = stage.account.apiKey();
  const subscription = await connected(token);
  stage.account.revoke(token);
  expect((await call("POST", "/reconcile")).status).toBe(401);
  expect((await call("GET", "")).body).toMatchObject({ problems: [{ code: "credential_refused" }] });
  subscription.temporarilyDisabled = true;
  const missed = stage.account.trigger();
  expect((await call("PATCH", "", { token: stage.account.apiKey() })).status).toBe(200);
  await stage.aurora.waitFor("the missed incident", (aurora) => aurora.of(missed.id).length > 0);
  expect((await call("GET", "")).body).not.toMatchObject({ problems: [{ code: "credential_refused" }] });
});

test("more incidents than a page are all found, in spite of a rate limit in between", async () => {
  const subscription = await connected();
  subscription.temporarilyDisabled = true;
  const missed = Array.from({ length: 130 }, (_, index) =>
    stage.account.trigger({ title: `Storm ${index}` }),
  );
  stage.pagerduty.faults.api = {
    status: 429,
    headers: { "ratelimit-reset": "1" },
    times: 1,
    match: (_, path) => path.startsWith("/incidents?") && !path.includes("offset=0"),
  };
  await call("POST", "/reconcile");
  await until("all of them", () => missed.every(({ id }) => stage.aurora.of(id).length > 0));
  expect(stage.pagerduty.faults.api?.times).toBe(0);
  expect(
    missed.every(({ id }) => types(id).filter((type) => type === "incident.triggered").length === 1),
  ).toBe(true);
});
