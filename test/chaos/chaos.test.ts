import { expect, test } from "vitest";
import { patienceMs } from "../support/patience.ts";
import { runChaos } from "./story.ts";

test("despite kills, resets, limits, faults and stale KV values, 300 webhooks reach Aurora once, and forged webhooks never reach Aurora", async () => {
  const seed = Number(process.env["CHAOS_SEED"] ?? 7);
  const report = await runChaos({
    seed,
    webhooks: 300,
    organisations: 3,
    unsignedWebhooks: 12,
    restLagMs: 0,
    forged: 2,
    users: 6,
    kills: 2,
    hangs: 0,
    timeoutMs: patienceMs(),
  });
  const { lost, twice, disordered, forged, wedged } = report;
  const none = { lost: [], twice: [], disordered: [], forged: [], wedged: [] };
  expect({ lost, twice, disordered, forged, wedged }).toEqual(none);
  expect(report.faults["kills"]).toBe(2);
});
