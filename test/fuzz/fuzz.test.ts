import { expect, test } from "vitest";
import { runFuzz } from "./run.ts";

test("every boundary keeps its promise against thousands of odd inputs", async () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? 20261122);
  const report = await runFuzz({ cases: 4_000, network: 1_000, seed });
  expect(report.failures).toEqual([]);
});
