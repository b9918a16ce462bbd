import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { type Account, sign, webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { INTERNAL_SECRET } from "../support/worker.ts";

/** A connection belongs to one tenant. A user's webhook URL leads to the connections of that user's tenants. */

const stage = openStage();
/** `alice` belongs to the organisation `first`, and `both` belongs to `first` and `second`. */
let alice: string;
let both: string;
let first: string;
let second: string;

beforeEach(() => {
  alice = `alice-of-${stage.user}`;
  both = `both-of-${stage.user}`;
  first = `first-of-${stage.user}`;
  second = `second-of-${stage.user}`;
});

const call = (user: string, org: string | null, method: string, path = "", body?: object) =>
  stage.worker.call(user, method, `/pagerduty${path}`, {
    ...(body ? { body } : {}),
    headers: org === null ? {} : { "x-org-id": org },
  });
const connect = (user: string, org: string | null, of: Account = stage.account) =>
  call(user, org, "POST", "", { token: of.apiKey() });
const status = async (user: string, org: string | null) => (await call(user, org, "GET")).body;
const storeSecret = (user: string, org: string | null, secret: string) =>
  call(user, org, "PUT", "/signing-secret", { secret });

async function post(
  user: string,
  { secret, subscriptionId, of = stage.account }: { secret?: string; subscriptionId?: string; of?: Account },
) {
  const incident = of.trigger({ silent: true });
  const body = webhookBody(incident.announce());
  const headers = new Headers({ "x-webhook-id": randomBytes(16).toString("hex") });
  if (secret !== undefined) headers.set("x-pagerduty-signature", sign(secret, body));
  if (subscriptionId !== undefined) headers.set("x-webhook-subscription", subscriptionId);
  const { status } = await stage.worker.request(`/pagerduty/webhook/${user}`, {
    method: "POST",
    headers,
    body,
  });
  return { status, incidentId: incident.id };
}

const incidentIds = async (user: string, org: string | null): Promise<string[]> => {
  const { body } = await call(user, org, "GET", "/incidents");
  const { incidents = [] } = body as { incidents?: { incidentId: string }[] };
  return incidents.map(({ incidentId }) => incidentId);
};
const arrived = (user: string, org: string | null, incidentId: string) =>
  expect.poll(() => incidentIds(user, org), { timeout: 20_000 }).toContain(incidentId);

describe("a connection", () => {
  test("belongs to the organisation: every member sees the connection, and who connected it", async () => {
    await connect(alice, first);
    expect(await status(both, first)).toMatchObject({ connected: true, connectedBy: alice });
  });

  test("is not visible in another organisation or without an organisation", async () => {
    await connect(alice, first);
    expect(await status(alice, second)).toEqual({ connected: false });
    expect(await status(alice, null)).toEqual({ connected: false });
    expect((await call(alice, second, "GET", "/incidents")).status).toBe(404);
  });

  test("of a user in one organisation is separate from the same user's connection in another", async () => {
    const other = stage.pagerduty.account({ subdomain: "umbrella" });
    await connect(both, first);
    await connect(both, second, other);
    expect(await status(both, first)).toMatchObject({ accountSubdomain: "acme" });
    expect(await status(both, second)).toMatchObject({ accountSubdomain: "umbrella" });
    await call(both, second, "DELETE");
    expect(await status(both, first)).toMatchObject({ connected: true });
  });

  test("removed by one member is removed for all members", async () => {
    await connect(alice, first);
    expect((await call(both, first, "DELETE")).body).toMatchObject({ deleted: 1 });
    expect(await status(alice, first)).toEqual({ connected: false });
  });

  test("of an organisation does not connect the user whose id is the same, even if that id is `constructor`", async () => {
    await connect(alice, alice);
    expect(await status(alice, null)).toEqual({ connected: false });
    for (const name of ["constructor", "toString"]) {
      expect(await status(name, name)).toEqual({ connected: false });
      expect((await connect(name, name)).status).toBe(200);
      expect(await status(name, null)).toEqual({ connected: false });
      expect((await call(name, name, "DELETE")).body).toMatchObject({ deleted: 1 });
    }
  });

  test("of an organisation with an invalid id is refused", async () => {
    for (const org of ["user:x", "a b", "../x", "x".repeat(129)]) {
      const reply = await stage.worker.request("/pagerduty", {
        headers: { "x-internal-secret": INTERNAL_SECRET, "x-user-id": alice, "x-org-id": org },
      });
      expect([reply.status, reply.body]).toMatchObject([400, { code: "invalid_org_id" }]);
    }
  });
});

describe("a webhook URL", () => {
  test("leads to a connection that another member of the organisation makes later", async () => {
    expect((await call(both, first, "GET", "/webhook-url")).status).toBe(200);
    await connect(alice, first);
    await storeSecret(alice, first, "ours");
    const { status, incidentId } = await post(both, { secret: "ours" });
    expect(status).toBe(202);
    await arrived(alice, first, incidentId);
  });

  test("leads to all connections of the user, and a webhook reaches the connection whose secret signed it", async () => {
    const other = stage.pagerduty.account();
    await connect(both, first);
    await storeSecret(both, first, "of the first");
    await connect(both, second, other);
    await storeSecret(both, second, "of the second");
    await connect(both, null);
    await storeSecret(both, null, "my own");
    const posted = {
      second: await post(both, { secret: "of the second", of: other }),
      first: await post(both, { secret: "of the first" }),
      own: await post(both, { secret: "my own" }),
    };
    await arrived(both, first, posted.first.incidentId);
    await arrived(both, second, posted.second.incidentId);
    await arrived(both, null, posted.own.incidentId);
    expect(await incidentIds(both, first)).toEqual([posted.first.incidentId]);
    expect((await post(both, { secret: "of nobody" })).status).toBe(401);
    for (const org of [first, second, null]) {
      expect(await status(both, org)).toMatchObject({ webhook: { rejected: { count: 1 } } });
    }
  });

  test("still leads to an organisation after the user has opened another organisation", async () => {
    await connect(alice, first);
    await storeSecret(alice, first, "ours");
    await status(alice, second);
    expect((await post(alice, { secret: "ours" })).status).toBe(202);
  });

  test("leads to a connection that was made after a disconnect", async () => {
    await connect(alice, first);
    await status(both, first);
    await call(alice, first, "DELETE");
    expect((await post(both, { secret: "gone" })).status).toBe(404);
    await connect(alice, first);
    await storeSecret(alice, first, "new");
    expect((await post(both, { secret: "new" })).status).toBe(202);
  });

  test("leads to the five organisations that the user opened last, and to the organisation whose subscription has this URL", async () => {
    await connect(both, first);
    const made = await call(both, first, "POST", "/subscription", {});
    expect(made.status).toBe(201);
    await connect(both, second);
    await storeSecret(both, second, "of the second");
    for (let i = 0; i < 6; i += 1) await status(both, `other-of-${stage.user}-${i}`);
    const [subscription] = stage.account.subscriptions.values();
    expect((await post(both, { secret: subscription?.secret ?? "" })).status).toBe(202);
    // Six organisations were opened after `second`, so the URL no longer leads to `second`. This call changes that.
    await status(both, second);
    expect((await post(both, { secret: "of the second" })).status).toBe(202);
  });

  test("does not lead to another user's connection, even if that connection's secret signed the webhook", async () => {
    await connect(alice, first);
    await storeSecret(alice, first, "ours");
    await until("the copy of a membership in KV", async () => {
      const { CONNECTIONS } = await stage.worker.handle.getEnv();
      const { keys } = await CONNECTIONS.list();
      const members = keys.filter(({ name }) => name.startsWith("member:"));
      const lists = await Promise.all(members.map(({ name }) => CONNECTIONS.get(name)));
      return lists.some((list) => list?.includes(first));
    });
    expect((await post(`stranger-to-${stage.user}`, { secret: "ours" })).status).toBe(404);
    expect(await incidentIds(alice, first)).toEqual([]);
  });

  test("of a user without any connection gets 404", async () => {
    await status(alice, first);
    expect((await post(alice, { secret: "x" })).status).toBe(404);
  });
});

describe("with several members or connections,", () => {
  test("members share one subscription, whose URL may name any of them", async () => {
    await connect(alice, first);
    await status(both, first);
    const made = await call(alice, first, "POST", "/subscription", {});
    expect(made.status).toBe(201);
    const again = await call(both, first, "POST", "/subscription", {});
    expect([again.status, again.body]).toMatchObject([200, made.body]);
    const [subscription] = stage.account.subscriptions.values();
    if (!subscription) throw new Error("There is no subscription");
    stage.account.unsubscribe(subscription.id);
    const other = stage.account.subscribe({ url: subscription.url.replace(alice, both) });
    const { body } = await call(alice, first, "POST", "/reconcile", {});
    expect(body).toMatchObject({ subscription: { id: other.id, state: "active" } });
    // A check ignores a subscription whose URL names a user who is not a member.
    stage.account.unsubscribe(other.id);
    stage.account.subscribe({ url: subscription.url.replace(alice, "stranger") });
    expect((await call(alice, first, "POST", "/reconcile", {})).body).toMatchObject({
      subscription: { id: other.id, state: "missing" },
    });
  });

  test("a webhook that names a subscription needs a signature if that subscription's connection has a secret", async () => {
    await connect(both, first);
    expect((await call(both, first, "POST", "/subscription", {})).status).toBe(201);
    await connect(both, second);
    const [subscription] = stage.account.subscriptions.values();
    expect((await post(both, { subscriptionId: subscription?.id ?? "" })).status).toBe(401);
    expect((await post(both, { subscriptionId: "PUNKNOWN" })).status).toBe(202);
  });

  test("an unsigned webhook is not shown in an organisation whose credential cannot read the incident", async () => {
    const other = stage.pagerduty.account();
    await connect(both, first);
    expect((await call(both, first, "POST", "/subscription", {})).status).toBe(201);
    await connect(both, second, other);
    const { status, incidentId } = await post(both, { subscriptionId: "PUNKNOWN" });
    expect(status).toBe(202);
    await until("the second organisation's read-back", async () => {
      const [hint] = await stage.worker.sql(`org:${second}`, "SELECT attempts FROM hints");
      return Number(hint?.["attempts"]) > 0;
    });
    expect((await call(both, second, "GET", "/events")).text).not.toContain(incidentId);
    expect((await call(both, second, "GET", "")).body).toMatchObject({ webhook: { lastEventAt: null } });
  });

  test("an unsigned webhook is kept only by the connection whose credential can read the incident", async () => {
    const other = stage.pagerduty.account();
    await connect(both, first);
    await connect(both, second, other);
    const { status, incidentId } = await post(both, { of: other });
    expect(status).toBe(202);
    await arrived(both, second, incidentId);
    const object = `org:${first}`;
    await until("the first organisation's read-back", async () => {
      const [hint] = await stage.worker.sql(object, "SELECT attempts FROM hints");
      return Number(hint?.["attempts"]) > 0;
    });
    // While PagerDuty is asked again, `first` stores the webhook but does not list its event.
    expect((await call(both, first, "GET", "/events")).text).not.toContain(incidentId);
    const [stored] = await stage.worker.sql(
      object,
      "SELECT webhook_id FROM journal WHERE outcome = 'unconfirmed'",
    );
    const webhookId = String(stored?.["webhook_id"]);
    expect((await call(both, first, "GET", `/events/${webhookId}`)).status).toBe(404);
    expect((await call(both, second, "GET", `/events/${webhookId}`)).status).toBe(200);
    expect((await call(both, first, "GET", "")).body).toMatchObject({ webhook: { lastEventAt: null } });
    // For half a minute after a webhook, a read-back that gets 404 is repeated, because REST can lag behind webhooks.
    await stage.worker.sql(object, "UPDATE journal SET received_at_ms = received_at_ms - 30000");
    await until("the first organisation's journal to be empty", async () => {
      const [found] = await stage.worker.sql(object, "SELECT count(*) AS n FROM journal");
      return found?.["n"] === 0;
    });
    expect(await incidentIds(both, first)).toEqual([]);
  });

  test("an unsigned webhook that PagerDuty contradicts stays in the event log of the connection that can read the incident", async () => {
    const other = stage.pagerduty.account();
    await connect(both, first);
    await connect(both, second, other);
    const incident = other.trigger({ silent: true });
    const body = JSON.parse(webhookBody(incident.announce()));
    body.event.data.title = "As it was before";
    const headers = { "x-webhook-id": "contradicted" };
    const request = { method: "POST", headers, body: JSON.stringify(body) };
    expect((await stage.worker.request(`/pagerduty/webhook/${both}`, request)).status).toBe(202);
    await arrived(both, second, incident.id);
    await expect
      .poll(async () => (await call(both, second, "GET", "/events/contradicted")).body, { timeout: 20_000 })
      .toMatchObject({ outcome: "unconfirmed", reason: expect.stringContaining("does not agree") });
    expect((await call(both, second, "GET", "/events")).text).toContain("contradicted");
    expect((await call(both, first, "GET", "/events/contradicted")).status).toBe(404);
  });
});
