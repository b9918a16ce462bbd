import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import worker from "../../src/index.ts";

test("a dead letter that cannot be stored is retried after the delay in wrangler.toml", async () => {
  const message = { id: "m1", timestamp: new Date(0), attempts: 1, body: "packed by another version" };
  const batch = createMessageBatch("aurora-pagerduty-dead-letters", [message]);
  await worker.queue(batch, env);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, createExecutionContext());
  // The consumer calls `message.retry()` without a delay, so Cloudflare applies the `retry_delay` in wrangler.toml.
  expect([explicitAcks, retryMessages]).toEqual([[], [{ msgId: "m1" }]]);
});
