import { expect, test } from "vitest";
import { runFuzz } from "./run.ts";

test("thousands of hostile inputs make no boundary crash, leak a secret or trust the input", async () => {
  const seed = Number(process.env["FUZZ_SEED"] ?? 20261122);
  const report = await runFuzz({ cases: 4_000, network: 1_000, seed });
  expect(report.failures).toEqual([]);
});
