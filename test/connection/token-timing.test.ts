import { expect, test } from "vitest";
import { keepAliveAtMs, refreshDueAtMs, retryDelayMs } from "../../src/connection/token-timing.ts";

const MINUTE_MS = 60_000;
const life = (minutes: number, refreshed = false) => ({
  obtainedAtMs: 0,
  expiresAtMs: minutes * MINUTE_MS,
  refreshed,
});

test("a token that lives an hour is due for a refresh five minutes before it expires", () => {
  expect(refreshDueAtMs(life(60))).toBe(55 * MINUTE_MS);
  expect(refreshDueAtMs(life(60, true))).toBe(55 * MINUTE_MS);
});

test("the alarm refreshes an unused token five minutes before it expires, whether it lives an hour or thirty days", () => {
  expect(keepAliveAtMs(life(60))).toBe(55 * MINUTE_MS);
  expect(keepAliveAtMs(life(30 * 24 * 60))).toBe((30 * 24 * 60 - 5) * MINUTE_MS);
});

test("a token that lives two minutes is due for a refresh immediately after a sign-in, and one minute after an earlier refresh", () => {
  expect(refreshDueAtMs(life(2))).toBeLessThan(0);
  expect(refreshDueAtMs(life(2, true))).toBe(MINUTE_MS);
});

test("the alarm never refreshes a token in its first thirty seconds, however short its life", () => {
  for (const minutes of [0, 1, 2, 5])
    for (const refreshed of [true, false])
      expect(keepAliveAtMs(life(minutes, refreshed))).toBeGreaterThanOrEqual(30_000);
});

test("a failed refresh is retried after 1, 2, 4 … seconds, at most a minute; jitter adds up to a tenth", () => {
  expect([1, 2, 3, 7, 8, 1000].map((failures) => retryDelayMs(failures, 0))).toEqual([
    1_000, 2_000, 4_000, 60_000, 60_000, 60_000,
  ]);
  expect(retryDelayMs(1, 0.999)).toBe(1_100);
});
