import { expect, test } from "vitest";
import { runFuzz } from "./run.ts";

test("no boundary crashes, leaks a secret or trusts its input when it gets thousands of hostile inputs", async () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? 20261122);
  const report = await runFuzz({ cases: 2_000, network: 500, seed });
  expect(report.failures).toEqual([]);
});
