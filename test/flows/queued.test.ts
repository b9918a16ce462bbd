import { expect, test } from "vitest";
import { firstBody, sign, webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { startWorldWith } from "../support/world.ts";

/**
 * Webhooks that are still on the Queue when the connection changes do not reach the new connection. In these tests the
 * Queue collects webhooks for some seconds.
 */

const stage = openStage(() =>
  startWorldWith((config) => config.replaceAll("max_batch_timeout = 0", "max_batch_timeout = 3")),
);
const { call } = stage;

test("a webhook queued before a disconnect does not reach the next connection", async () => {
  const account = stage.pagerduty.account();
  const subscription = await stage.connect(account);
  account.unsubscribe(subscription.id);
  const incident = account.trigger();
  const body = firstBody(incident);
  // Disconnects after the webhook was accepted and before the Queue delivers it.
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

test("an unsigned webhook queued for one account is not recorded for the account that is connected afterwards", async () => {
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
