import { expect, test } from "vitest";
import { webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { startWorld } from "../support/world.ts";

/**
 * A call to a Durable Object can carry 32 MiB. Webhook bodies are gzipped on the Queue and unpacked before the call. If
 * one call carried a whole batch, forged webhooks could exceed the limit and delay the genuine webhooks of the batch.
 */

const KIB = 1024;
const stage = openStage(() => startWorld({ DELIVERY_SCHEDULE: "0,1" }));

test("large forged webhooks do not delay a genuine webhook in the same batch", async () => {
  const user = "batched";
  const account = stage.pagerduty.account();
  await stage.worker.call(user, "POST", "/pagerduty", { body: { token: account.apiKey() } });
  const post = (body: string, id: string, signature: string | null) =>
    stage.worker.request(`/pagerduty/webhook/${user}`, {
      method: "POST",
      headers: { "x-webhook-id": id, ...(signature ? { "x-pagerduty-signature": signature } : {}) },
      body,
    });
  const event = {
    id: "E",
    event_type: "service.updated",
    resource_type: "service",
    occurred_at: "2026-11-22T03:00:00Z",
  };
  const heavy = JSON.stringify({ event, padding: "A".repeat(255 * KIB) });
  const signature = `v1=${"0".repeat(100 * KIB)}`;
  const genuine = account.trigger({ title: "Real", silent: true });
  const own = webhookBody(genuine.announce());
  const replies = await Promise.all([
    ...Array.from({ length: 50 }, (_, i) => post(heavy, `a-${i}`, signature)),
    post(own, "own", null),
    ...Array.from({ length: 49 }, (_, i) => post(heavy, `b-${i}`, signature)),
  ]);
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]));
  await stage.aurora.waitFor("the genuine incident", (aurora) => aurora.of(genuine.id).length > 0);
  expect(stage.worker.logs().filter((line) => line.includes("batch.retried"))).toEqual([]);
});
