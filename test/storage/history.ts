import type { TestProject } from "vitest/node";
import { startPagerDuty } from "../emulator/pagerduty.ts";
import { makeHistory } from "../support/history.ts";

/** A history made outside of workerd, for the tests inside. */
export default async function setup(project: TestProject): Promise<void> {
  const pagerduty = await startPagerDuty();
  const { webhooks } = makeHistory(pagerduty.account(), { incidents: 60, events: 900, seed: 7 });
  await pagerduty.close();
  project.provide(
    "history",
    webhooks.map(({ webhookId, body }) => ({ webhookId, body })),
  );
}
