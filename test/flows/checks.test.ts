import { expect, test } from "vitest";
import { firstBody, type Subscription, sign } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { nextSecond, until } from "../support/until.ts";
import { startWorld } from "../support/world.ts";

/** A check enables a disabled subscription again, reports a missing subscription, and recovers missed incidents. */

const stage = openStage(() => startWorld({ RECONCILE_MINUTES: "10" }));

const { call } = stage;
/** Waits until no check is running or due. The second call waits for a check that the alarm started during the first. */
const allChecked = async () => {
  for (let calls = 0; calls < 2; calls += 1) expect((await call("POST", "/reconcile")).status).toBe(200);
};
const connected = async (token = stage.account.apiKey()): Promise<Subscription> => {
  expect((await call("POST", "", { token, subscribe: true })).status).toBe(200);
  await allChecked();
  const [subscription] = [...stage.account.subscriptions.values()];
  if (!subscription) throw new Error("There is no subscription");
  return subscription;
};
const rejections = async () =>
  ((await call("GET", "")).body as { webhook: { rejected: { count: number } } }).webhook.rejected.count;
const types = (incidentId: string) => stage.aurora.of(incidentId).map(({ type }) => type);

test("a subscription that PagerDuty disabled is enabled again, and each missed incident is recovered once", async () => {
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

test("a subscription that PagerDuty disabled because of a wrong secret is enabled again after the right secret is stored", async () => {
  expect((await call("POST", "", { token: stage.account.apiKey() })).status).toBe(200);
  const subscription = stage.account.subscribe({
    url: `${stage.worker.url}/pagerduty/webhook/${stage.user}`,
  });
  await call("PUT", "/signing-secret", { secret: "copied from somewhere else" });
  // Connecting and the first refused webhook each make a check due at once. Waits for the ends of these checks, because
  // they would enable the subscription too early. Later refusals make a check due only after a minute.
  await allChecked();
  const first = stage.account.trigger();
  await until("the first refusal", async () => (await rejections()) === 1);
  await allChecked();
  const refused = [first, stage.account.trigger(), stage.account.trigger()];
  await until("PagerDuty to disable the subscription", () => subscription.temporarilyDisabled);
  const whileDisabled = [
    stage.account.trigger({ title: "Missed one" }),
    stage.account.trigger({ title: "Missed two" }),
  ];
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { rejected: { count: 3, lastReason: expect.stringContaining("signing secret does not match") } },
    problems: expect.arrayContaining([expect.objectContaining({ code: "webhooks_refused" })]),
  });

  await call("PUT", "/signing-secret", { secret: subscription.secret });
  const missed = [...refused, ...whileDisabled];
  await stage.aurora.waitFor("two notifications of each missed incident", () =>
    missed.every(({ id }) => types(id).length === 2),
  );
  await until("the end of the check that enabled the subscription", async () =>
    (await call("GET", "")).text.includes("subscription_was_disabled"),
  );
  expect(subscription.temporarilyDisabled).toBe(false);
  expect(missed.map(({ id }) => types(id))).toEqual(
    missed.map(() => ["incident.triggered", "incident.rca_requested"]),
  );
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { subscription: { id: subscription.id, state: "active" }, rejected: { count: 0 } },
    problems: [{ code: "subscription_was_disabled", message: expect.stringContaining("4 missed incidents") }],
  });
  expect((await call("DELETE", "")).body).toMatchObject({ subscriptionDeleted: null });
  expect(stage.account.subscriptions.size).toBe(1);
});

test("events after a recovery are delivered in order, without a gap or a repetition", async () => {
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

test("a check sends nothing about incidents that Aurora already has", async () => {
  const subscription = await connected();
  const incident = stage.account.trigger();
  await subscription.idle();
  await stage.settled(1);
  const before = stage.aurora.accepted.length;
  const reply = await call("POST", "/reconcile");
  expect(reply.body).toMatchObject({ checked: 1, recovered: 0 });
  expect(stage.aurora.accepted).toHaveLength(before);
  expect(stage.aurora.of(incident.id)).not.toHaveLength(0);
});

test("a check finds the missed resolution of an incident that was created three days ago", async () => {
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

test("a recovered incident includes its custom fields", async () => {
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

test("connecting recovers the open incidents of the last day, and POST /reconcile also recovers resolved incidents", async () => {
  const open = stage.account.trigger({ silent: true });
  const over = stage.account.trigger({ silent: true });
  over.silently((incident) => incident.resolve());
  const old = stage.account.trigger({ silent: true, createdAt: "2020-01-01T00:00:00Z" });
  // The REST API gives times in whole seconds. The connection has to be made in a later second than the resolution.
  await nextSecond();
  expect((await call("POST", "", { token: stage.account.apiKey() })).status).toBe(200);
  await stage.aurora.waitFor("the open incident", (aurora) => aurora.of(open.id).length === 2);
  expect(types(open.id)).toEqual(["incident.triggered", "incident.rca_requested"]);
  await stage.settled(0);
  expect(types(over.id)).toEqual([]);
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 1 });
  await stage.aurora.waitFor("the resolved incident", (aurora) => aurora.of(over.id).length > 0);
  expect(types(over.id)).toEqual(["incident.resolved"]);
  expect(types(old.id)).toEqual([]);
});

test("a deleted subscription is reported as missing", async () => {
  await connected();
  stage.account.subscriptions.clear();
  expect((await call("POST", "/reconcile")).body).toMatchObject({ subscription: { state: "missing" } });
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { subscription: { state: "missing" } },
    problems: [{ code: "subscription_missing" }],
  });
});

test("a subscription that a person deleted and made again at PagerDuty is found by its URL, and enabled again", async () => {
  const { id, url } = await connected();
  stage.account.unsubscribe(id);
  const again = stage.account.subscribe({ url });
  again.temporarilyDisabled = true;
  const reply = await call("POST", "/reconcile");
  expect(reply.body).toMatchObject({ subscription: { id: again.id, state: "active" } });
  expect(again.temporarilyDisabled).toBe(false);
  expect((await call("GET", "")).body).toMatchObject({
    webhook: { subscription: { id: again.id, state: "active" } },
  });
  expect((await call("GET", "/events")).text).toContain("subscription.replaced");
});

test("a subscription that was reported as missing is active again after one of its webhooks arrives", async () => {
  const subscription = await connected();
  stage.account.unsubscribe(subscription.id);
  expect((await call("POST", "/reconcile")).body).toMatchObject({ subscription: { state: "missing" } });
  const body = firstBody(stage.account.trigger());
  const headers = { "x-webhook-id": "w", "x-pagerduty-signature": sign(subscription.secret, body) };
  const init = { method: "POST", headers, body };
  expect((await stage.worker.request(`/pagerduty/webhook/${stage.user}`, init)).status).toBe(202);
  await stage.settled(1);
  const shown = await call("GET", "");
  expect(shown.body).toMatchObject({ webhook: { subscription: { state: "active" } } });
  expect(shown.text).not.toContain("subscription_missing");
});

test("a revoked credential is reported, and a new credential recovers the incidents that were missed", async () => {
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

test("a recovery finds the incidents of all pages, despite a rate limit on the second page", async () => {
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
  await until("a notification of every incident", () =>
    missed.every(({ id }) => stage.aurora.of(id).length > 0),
  );
  expect(stage.pagerduty.faults.api?.times).toBe(0);
  expect(
    missed.every(({ id }) => types(id).filter((type) => type === "incident.triggered").length === 1),
  ).toBe(true);
});

test("a refused token is no longer reported after PagerDuty has accepted a call with this token", async () => {
  await connected();
  stage.pagerduty.faults.api = { status: 401, times: 1 };
  expect((await call("GET", "/subscription")).status).toBe(401);
  expect((await call("GET", "")).text).toContain("credential_refused");
  expect((await call("GET", "/subscription")).status).toBe(200);
  expect((await call("GET", "")).text).not.toContain("credential_refused");
});
