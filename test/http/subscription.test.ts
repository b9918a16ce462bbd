import { describe, expect, test } from "vitest";
import { sign } from "../emulator/pagerduty.ts";
import { holdNext } from "../support/held-call.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const stage = openStage();

const { call } = stage;
const connect = (options: { write?: boolean; subscribe?: boolean } = {}) =>
  call("POST", "", {
    token: stage.account.apiKey({ write: options.write ?? true }),
    subscribe: options.subscribe ?? false,
  });
const BASIC = [
  "incident.triggered",
  "incident.acknowledged",
  "incident.resolved",
  "incident.custom_field_values.updated",
];
const ALL = [
  ...BASIC,
  ...["unacknowledged", "reopened", "priority_updated", "service_updated", "reassigned"].map(incidentType),
  ...["escalated", "delegated", "annotated", "status_update_published"].map(incidentType),
];
function incidentType(name: string): string {
  return `incident.${name}`;
}
const status = async () => (await call("GET", "")).body;

describe("creating the subscription", () => {
  test("subscribes the caller's URL to every event type that the connector uses, and stores the secret", async () => {
    await connect();
    const made = await call("POST", "/subscription");
    expect(made.status).toBe(201);
    const [subscription] = [...stage.account.subscriptions.values()];
    expect(subscription?.url).toBe(`${stage.worker.url}/pagerduty/webhook/${stage.user}`);
    expect(made.body).toEqual({
      id: subscription?.id,
      url: subscription?.url,
      state: "active",
      events: ALL,
      filter: { type: "account_reference", id: null },
    });
    expect(made.text).not.toContain(subscription?.secret);
    expect(await status()).toMatchObject({
      webhook: { verification: "signature", subscription: { id: subscription?.id, state: "active" } },
      capabilities: { can_write_incidents: true },
      problems: [],
    });
    const incident = stage.account.trigger();
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
  });

  test("a second time returns the existing subscription", async () => {
    await connect();
    await call("POST", "/subscription");
    const again = await call("POST", "/subscription");
    expect(again.status).toBe(200);
    expect(stage.account.subscriptions.size).toBe(1);
  });

  test("25 times at the same time creates one subscription", async () => {
    await connect();
    const replies = await Promise.all(Array.from({ length: 25 }, () => call("POST", "/subscription")));
    expect(replies.map(({ status: code }) => code).sort()).toEqual([...Array(24).fill(200), 201]);
    expect(stage.account.subscriptions.size).toBe(1);
  });

  test("with other events or another filter changes the existing subscription", async () => {
    await connect();
    await call("POST", "/subscription");
    const wish = {
      events: ["incident.triggered", "incident.reopened"],
      filter: { type: "service_reference", id: stage.account.service.id },
    };
    const changed = await call("POST", "/subscription", wish);
    expect([changed.status, changed.body]).toMatchObject([200, wish]);
    expect(stage.account.subscriptions.size).toBe(1);
  });

  test("replaces a subscription for the same URL if its secret is not stored", async () => {
    const url = `${stage.worker.url}/pagerduty/webhook/${stage.user}`;
    const old = stage.account.subscribe({ url });
    await connect();
    expect((await call("POST", "/subscription")).status).toBe(201);
    expect([...stage.account.subscriptions.values()].map(({ id }) => id)).not.toContain(old.id);
    expect(stage.account.subscriptions.size).toBe(1);
  });

  test("replaces a subscription for the same URL if the stored secret is another webhook's secret", async () => {
    await call("POST", "", { token: stage.account.apiKey() });
    const url = `${stage.worker.url}/pagerduty/webhook/${stage.user}`;
    const byHand = stage.account.subscribe({ url });
    await call("PUT", "/signing-secret", { secret: "of another webhook" });
    stage.account.trigger();
    await byHand.idle();
    const made = await call("POST", "/subscription", {});
    expect(made.status).toBe(201);
    expect([...stage.account.subscriptions.keys()]).toEqual([(made.body as { id: string }).id]);
    expect((await call("GET", "")).body).toMatchObject({ problems: [] });
  });

  test("adopts a subscription for the same URL if its secret is stored", async () => {
    const old = stage.account.subscribe({ url: `${stage.worker.url}/pagerduty/webhook/${stage.user}` });
    await connect();
    await call("PUT", "/signing-secret", { secret: old.secret });
    const made = await call("POST", "/subscription");
    expect([made.status, made.body]).toMatchObject([200, { id: old.id }]);
  });

  test("creates a new subscription if the old one was deleted at PagerDuty", async () => {
    await connect();
    const first = await call("POST", "/subscription");
    stage.account.subscriptions.clear();
    const second = await call("POST", "/subscription");
    expect(second.status).toBe(201);
    expect(second.body).not.toMatchObject({ id: (first.body as { id: string }).id });
  });

  test("happens when a user connects with `subscribe`", async () => {
    const reply = await connect({ subscribe: true });
    expect(reply.body).toMatchObject({ connected: true, webhook: { verification: "signature" } });
    expect(stage.account.subscriptions.size).toBe(1);
  });

  test("does not happen when a user connects without `subscribe`, as Aurora's page expects", async () => {
    await connect();
    expect(stage.account.subscriptions.size).toBe(0);
  });

  test("with a read-only key gets 403, and the status shows that the key is read-only", async () => {
    await connect({ write: false });
    const reply = await call("POST", "/subscription");
    expect([reply.status, reply.body]).toMatchObject([403, { code: "write_access_required" }]);
    expect(await status()).toMatchObject({ capabilities: { can_write_incidents: false } });
  });

  test("fails when a user connects with a read-only key, but the connection is kept", async () => {
    const reply = await connect({ write: false, subscribe: true });
    expect([reply.status, reply.body]).toMatchObject([200, { connected: true, subscribed: { id: null } }]);
  });

  test.each([
    [{ filter: { type: "planet_reference" } }, "filter.type"],
    [{ filter: { type: "team_reference" } }, "filter"],
    [{ events: [] }, "events"],
    [{ events: ["DROP TABLE"] }, "events"],
    [{ events: "incident.triggered" }, "events"],
  ])("with %j gets 400", async (wish, where) => {
    await connect();
    const reply = await call("POST", "/subscription", wish);
    expect([reply.status, reply.body]).toMatchObject([400, { error: expect.stringContaining(where) }]);
  });
});

describe("the event types of the subscription", () => {
  const ours = () => {
    const [subscription] = [...stage.account.subscriptions.values()];
    if (!subscription) throw new Error("There is no subscription");
    return subscription;
  };

  test("that PagerDuty does not know are left out, and a check does not request the unknown types again", async () => {
    stage.pagerduty.faults.unknownEventTypes = ["incident.delegated", "incident.annotated"];
    const known = ALL.filter((type) => !stage.pagerduty.faults.unknownEventTypes.includes(type));
    await connect();
    const made = await call("POST", "/subscription");
    expect([made.status, made.body]).toMatchObject([201, { events: known }]);
    const incident = stage.account.trigger();
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
    stage.pagerduty.clearRequests();
    await call("POST", "/reconcile");
    expect(stage.pagerduty.requests.filter(({ method }) => method === "PUT")).toEqual([]);
    expect(await status()).toMatchObject({ problems: [] });
  });

  test("that are missing from the connector's own subscription are added by POST /subscription and by a check", async () => {
    await connect({ subscribe: true });
    ours().events = BASIC;
    expect((await call("POST", "/subscription")).body).toMatchObject({ events: ALL });
    ours().events = BASIC;
    stage.pagerduty.faults.unknownEventTypes = ["incident.delegated"];
    for (let check = 0; check < 4; check++) expect((await call("POST", "/reconcile")).status).toBe(200);
    expect([...ours().events].sort()).toEqual(ALL.filter((type) => type !== "incident.delegated").sort());
    expect((await call("GET", "/events")).text).toContain("subscription.extended");
  });

  test("stay as the caller chose them", async () => {
    await connect();
    const events = ["incident.triggered", "incident.resolved"];
    await call("POST", "/subscription", { events });
    expect((await call("POST", "/subscription")).body).toMatchObject({ events });
    await call("POST", "/reconcile");
    expect(ours().events).toEqual(events);
    expect(await status()).toMatchObject({ problems: [] });
  });

  test("stay unchanged if a person created the subscription, and the status names the missing types", async () => {
    const url = `${stage.worker.url}/pagerduty/webhook/${stage.user}`;
    const own = stage.account.subscribe({ url, events: ALL.slice(0, -2) });
    await connect();
    await call("PUT", "/signing-secret", { secret: own.secret });
    await call("POST", "/reconcile");
    expect((await call("POST", "/subscription")).body).toMatchObject({
      id: own.id,
      events: ALL.slice(0, -2),
    });
    expect(await status()).toMatchObject({
      problems: [
        {
          code: "subscription_events_missing",
          message: expect.stringContaining("incident.annotated, incident.status_update_published,"),
        },
      ],
    });
    own.events = ALL;
    await call("POST", "/reconcile");
    expect(await status()).toMatchObject({ problems: [] });
  });
});

describe("while the subscription is being created,", () => {
  test("a webhook with an unknown signature gets 503, so that PagerDuty retries, and an unsigned webhook gets 401", async () => {
    await connect();
    await call("PUT", "/signing-secret", { secret: "an older one" });
    const held = holdNext(
      stage.pagerduty.faults,
      "api",
      "hold",
      (method, path) => method === "POST" && path === "/webhook_subscriptions",
    );
    const made = call("POST", "/subscription");
    await held.underWay();
    const [subscription] = [...stage.account.subscriptions.values()];
    const post = (signature: string | null) =>
      stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
        method: "POST",
        ...(signature === null ? {} : { headers: { "x-pagerduty-signature": signature } }),
        body: "{}",
      });
    const early = await post(sign(subscription?.secret ?? "", "{}"));
    expect([early.status, early.headers.get("retry-after")]).toEqual([503, "10"]);
    expect((await post(null)).status).toBe(401);
    held.release();
    expect((await made).status).toBe(201);
    expect((await post(sign(subscription?.secret ?? "", "{}"))).status).toBe(202);
    expect((await post(sign("another", "{}"))).status).toBe(401);
  });
});

describe("the subscription", () => {
  test("can be read, tested, enabled and removed through the API", async () => {
    await connect({ subscribe: true });
    const [subscription] = [...stage.account.subscriptions.values()];
    if (!subscription) throw new Error("There is no subscription");
    expect((await call("GET", "/subscription")).body).toMatchObject({ id: subscription.id, state: "active" });

    expect((await call("POST", "/subscription/ping")).status).toBe(202);
    await until("the ping", async () => JSON.stringify(await status()).includes('"lastPingAt":"2'));

    subscription.temporarilyDisabled = true;
    expect((await call("GET", "/subscription")).body).toMatchObject({ state: "disabled" });
    expect(await status()).toMatchObject({ problems: [{ code: "subscription_disabled" }] });
    expect((await call("POST", "/subscription/enable")).body).toMatchObject({ state: "active" });
    expect(subscription.temporarilyDisabled).toBe(false);

    expect((await call("DELETE", "/subscription")).status).toBe(200);
    expect(stage.account.subscriptions.size).toBe(0);
    expect(await status()).toMatchObject({ webhook: { subscription: null, verification: "callback" } });
  });

  test.each([
    ["GET", "/subscription"],
    ["DELETE", "/subscription"],
    ["POST", "/subscription/ping"],
    ["POST", "/subscription/enable"],
  ])("gets 404 for %s %s if there is no subscription", async (method, path) => {
    expect((await call(method, path)).status).toBe(404);
    await connect();
    expect((await call(method, path)).status).toBe(404);
  });

  test.each([
    ["GET", "/subscription"],
    ["POST", "/subscription/ping"],
    ["POST", "/subscription/enable"],
  ])(
    "gets 404 for %s %s if it was deleted at PagerDuty, and the status then says that it is missing",
    async (method, path) => {
      await connect({ subscribe: true });
      stage.account.subscriptions.clear();
      expect((await call(method, path)).status).toBe(404);
      expect(await status()).toMatchObject({
        webhook: { subscription: { state: "missing" } },
        problems: [{ code: "subscription_missing" }],
      });
    },
  );

  test("gets 403 if the credential may not read or remove it, and a refused removal sets can_write_incidents to false", async () => {
    await connect({ subscribe: true });
    stage.pagerduty.faults.api = { status: 403 };
    const seen = await call("GET", "/subscription");
    expect([seen.status, seen.body]).toMatchObject([403, { code: "insufficient_permissions" }]);
    expect(seen.text).not.toContain("change");
    expect(await status()).toMatchObject({ capabilities: { can_write_incidents: true } });
    const removed = await call("DELETE", "/subscription");
    stage.pagerduty.faults.api = null;
    expect([removed.status, removed.body]).toMatchObject([403, { code: "write_access_required" }]);
    expect(await status()).toMatchObject({
      capabilities: { can_write_incidents: false },
      webhook: { verification: "signature" },
    });
    expect((await call("DELETE", "/subscription")).status).toBe(200);
  });

  test("is removed at PagerDuty by a disconnect, whose answer reports the removal", async () => {
    await connect({ subscribe: true });
    expect((await call("DELETE", "")).body).toEqual({ success: true, deleted: 1, subscriptionDeleted: true });
    expect(stage.account.subscriptions.size).toBe(0);
  });

  test("does not prevent a disconnect if PagerDuty cannot remove it", async () => {
    await connect({ subscribe: true });
    stage.pagerduty.faults.api = { status: 500 };
    const reply = await call("DELETE", "");
    stage.pagerduty.faults.api = null;
    expect(reply.body).toEqual({ success: true, deleted: 1, subscriptionDeleted: false });
  });
});

test("if a user's two organisations connect the same PagerDuty account, each organisation keeps its own subscription", async () => {
  const inOrganisation = (orgId: string, method: string, path: string, body?: unknown) =>
    stage.worker.call(stage.user, method, `/pagerduty${path}`, {
      ...(body === undefined ? {} : { body }),
      headers: { "x-org-id": `${orgId}-${stage.user}` },
    });
  const subscribed = { token: stage.account.apiKey(), subscribe: true };
  for (const orgId of ["first", "second"]) await inOrganisation(orgId, "POST", "", subscribed);
  expect(stage.account.subscriptions.size).toBe(2);
  for (const orgId of ["first", "second"]) {
    expect((await inOrganisation(orgId, "POST", "/reconcile")).status).toBe(200);
    expect((await inOrganisation(orgId, "POST", "/subscription")).status).toBe(200);
  }
  expect(stage.account.subscriptions.size).toBe(2);
  const incident = stage.account.trigger();
  for (const orgId of ["first", "second"]) {
    await until(`the incident in the ${orgId} organisation`, async () =>
      (await inOrganisation(orgId, "GET", "/incidents")).text.includes(incident.id),
    );
  }
  expect((await inOrganisation("second", "DELETE", "")).status).toBe(200);
  expect(stage.account.subscriptions.size).toBe(1);
});
