import { expect, test } from "vitest";
import { ALERTS_ALONE_AFTER, CallBudget, MAX_CALLS_A_MINUTE } from "../../src/analysis/call-budget.ts";

const taken = (budget: CallBudget, isAlerts: boolean, tries: number, nowMs: number) =>
  Array.from({ length: tries }, () => budget.take(isAlerts, nowMs)).filter(Boolean).length;

test("incidents' contexts are read with at most 320 calls a minute, and the last 160 calls read only alerts", () => {
  const budget = new CallBudget();
  expect(MAX_CALLS_A_MINUTE).toBe(960 / 3);
  expect(taken(budget, false, 1000, 0)).toBe(ALERTS_ALONE_AFTER);
  expect(taken(budget, true, 1000, 30_000)).toBe(MAX_CALLS_A_MINUTE - ALERTS_ALONE_AFTER);
  expect(taken(budget, true, 1000, 59_999)).toBe(0);
});

test("a call counts against the budget for one minute", () => {
  const budget = new CallBudget();
  expect(taken(budget, true, 100, 0)).toBe(100);
  expect(taken(budget, true, 1000, 30_000)).toBe(MAX_CALLS_A_MINUTE - 100);
  expect(taken(budget, true, 1000, 60_000)).toBe(100);
  expect(taken(budget, true, 1000, 60_000)).toBe(0);
});
