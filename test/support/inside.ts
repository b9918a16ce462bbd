import type { TestProject } from "vitest/node";
import { makeHistory } from "./history.ts";
import { openOutside } from "./outside.ts";

/** Provides webhooks, tokens and an emulated PagerDuty to the tests that run inside workerd. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const pagerduty = await openOutside();
  const history = makeHistory(pagerduty.account(), { incidents: 60, events: 900, seed: 7 });
  const us = pagerduty.account({ subdomain: "acme", region: "us" });
  const eu = pagerduty.account({ subdomain: "globex", region: "eu" });
  project.provide("tokens", { us: us.apiKey(), eu: eu.apiKey(), euAccount: eu.apiKey({ kind: "account" }) });
  project.provide(
    "history",
    history.webhooks.map(({ webhookId, body }) => ({ webhookId, body })),
  );
  return () => pagerduty.close();
}
