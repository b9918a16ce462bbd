import { expect, test } from "vitest";
import { patienceMs } from "../support/patience.ts";
import { runChaos } from "./story.ts";

test("every change in 300 webhooks of 3 organisations reaches Aurora once, despite kills, resets, limits, faults and stale KV values", async () => {
  const seed = Number(process.env["CHAOS_SEED"] ?? 7);
  const report = await runChaos({
    seed,
    webhooks: 300,
    organisations: 3,
    users: 6,
    kills: 2,
    hangs: 0,
    timeoutMs: patienceMs(),
  });
  const { lost, twice, disordered, wedged } = report;
  expect({ lost, twice, disordered, wedged }).toEqual({ lost: [], twice: [], disordered: [], wedged: [] });
  expect(report.faults["kills"]).toBe(2);
});
