import { expect, test } from "vitest";
import { type Account, firstBody, type Incident, sign, webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { startWorldWith } from "../support/world.ts";

/**
 * A webhook may still be on the Queue when the connection changes. The new connection believes the webhook only if its
 * own secret verifies the signature or PagerDuty confirms the incident.
 */

const stage = openStage(() =>
  startWorldWith((config) => config.replaceAll("max_batch_timeout = 0", "max_batch_timeout = 3")),
);
const { call } = stage;

test("a webhook queued before a disconnect does not reach a new connection to another account", async () => {
  const account = stage.pagerduty.account();
  const subscription = await stage.connect(account);
  account.unsubscribe(subscription.id);
  const incident = account.trigger();
  const body = firstBody(incident);
  const accepted = stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers: { "x-webhook-id": "w", "x-pagerduty-signature": sign(subscription.secret, body) },
    body,
  });
  expect((await accepted).status).toBe(202);
  await call("DELETE", "");
  const other = stage.pagerduty.account();
  const fresh = await stage.connect(other);
  const marker = other.trigger({ title: "Of the other account" });
  await fresh.idle();
  await stage.settled(1);
  const listed = await call("GET", "/incidents");
  expect(listed.body).toMatchObject({ incidents: [{ incidentId: marker.id }] });
  expect(stage.aurora.of(incident.id)).toEqual([]);
});

test("an unsigned webhook that was queued for one account is not recorded for the account that is connected next", async () => {
  const former = stage.pagerduty.account();
  await call("POST", "", { token: former.apiKey() });
  const incident = former.trigger({ silent: true, title: "Confidential of the first" });
  const accepted = await stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers: { "x-webhook-id": "w" },
    body: webhookBody(incident.announce()),
  });
  expect(accepted.status).toBe(202);
  const next = stage.pagerduty.account();
  await call("POST", "", { token: next.apiKey() });
  await until("the hint to be processed", () =>
    stage.worker.logs().some((line) => line.includes("webhook.processed") && line.includes(stage.user)),
  );
  expect((await call("GET", "/events/w")).status).toBe(404);
});

async function signedAndQueued(account: Account): Promise<Incident> {
  const subscription = await stage.connect(account);
  account.unsubscribe(subscription.id);
  const incident = account.trigger();
  const body = firstBody(incident);
  const accepted = await stage.worker.request(`/pagerduty/webhook/${stage.user}`, {
    method: "POST",
    headers: { "x-webhook-id": "w", "x-pagerduty-signature": sign(subscription.secret, body) },
    body,
  });
  expect(accepted.status).toBe(202);
  return incident;
}

const arrived = async ({ id }: Incident) => {
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(id).length > 0);
  return stage.aurora.of(id)[0];
};

test("a webhook queued before a disconnect is confirmed at PagerDuty by a new connection to the same account", async () => {
  const incident = await signedAndQueued(stage.account);
  await call("DELETE", "");
  await call("POST", "", { token: stage.account.apiKey() });
  expect(await arrived(incident)).toMatchObject({ data: { provenance: { verification: "callback" } } });
  expect((await call("GET", "/events/w")).body).toMatchObject({ outcome: "applied" });
});

test("a webhook queued before the connection moved from the user to an organisation reaches the organisation", async () => {
  const incident = await signedAndQueued(stage.account);
  const organisation = { "x-org-id": `org-of-${stage.user}` };
  await call("POST", "", { token: stage.account.apiKey() }, organisation);
  await call("DELETE", "");
  expect(await arrived(incident)).toMatchObject({
    data: { orgId: organisation["x-org-id"], provenance: { verification: "callback" } },
  });
  expect((await call("GET", "/events/w", undefined, organisation)).body).toMatchObject({
    outcome: "applied",
  });
});

test("a webhook queued before a disconnect makes a check due if the next connection's secret does not verify the webhook", async () => {
  await stage.worker.restart({ RECONCILE_MINUTES: "60" });
  await signedAndQueued(stage.account);
  /** Counts the checks: each check reads the list of new incidents once. */
  const checks = () =>
    stage.pagerduty.requests.filter(({ path }) => /^\/incidents\?(?!.*statuses)/.test(path)).length;
  await until("a check", () => checks() >= 1);
  await call("DELETE", "");
  await stage.connect();
  await until("a check after connecting again, and another", () => checks() >= 3);
  const logged = stage.worker.logs().filter((line) => line.includes(stage.user));
  expect(logged.some((line) => line.includes("no secret of the present one proves it"))).toBe(true);
});
