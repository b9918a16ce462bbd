import { expect, test } from "vitest";
import { patienceMs } from "../support/patience.ts";
import { runChaos } from "./story.ts";

test("300 webhooks of 3 users survive kills, faults and a stale KV", async () => {
  const seed = Number(process.env["CHAOS_SEED"] ?? 7);
  const report = await runChaos({
    seed,
    webhooks: 300,
    users: 3,
    kills: 2,
    hangs: 0,
    timeoutMs: patienceMs(),
  });
  const { lost, twice, disordered } = report;
  expect({ lost, twice, disordered }).toEqual({ lost: [], twice: [], disordered: [] });
  expect(report.counts["kills"]).toBe(2);
});
