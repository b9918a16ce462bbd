import { expect, test } from "vitest";
import { keepAliveAtMs, refreshDueAtMs, retryDelayMs } from "../../src/connection/token-timing.ts";

const MINUTE_MS = 60_000;
const life = (minutes: number, refreshed = false) => ({
  obtainedAtMs: 0,
  expiresAtMs: minutes * MINUTE_MS,
  refreshed,
});

test("a token is due when less than five minutes are left", () => {
  expect(refreshDueAtMs(life(60))).toBe(55 * MINUTE_MS);
  expect(refreshDueAtMs(life(60, true))).toBe(55 * MINUTE_MS);
});

test("an unused one is kept alive before it ends: an hour's, and a Classic app's thirty days", () => {
  expect(keepAliveAtMs(life(60))).toBe(55 * MINUTE_MS);
  expect(keepAliveAtMs(life(30 * 24 * 60))).toBe((30 * 24 * 60 - 5) * MINUTE_MS);
});

test("one that never had five minutes is due at once after the sign-in, then when half its life is over", () => {
  expect(refreshDueAtMs(life(2))).toBeLessThan(0);
  expect(refreshDueAtMs(life(2, true))).toBe(MINUTE_MS);
});

test("the alarm lets a new token settle, however short its life", () => {
  for (const minutes of [0, 1, 2, 5])
    for (const refreshed of [true, false])
      expect(keepAliveAtMs(life(minutes, refreshed))).toBeGreaterThanOrEqual(30_000);
});

test("failures are retried after 1, 2, 4 … seconds, at most a minute, with some jitter", () => {
  expect([1, 2, 3, 7, 8, 1000].map((failures) => retryDelayMs(failures, 0))).toEqual([
    1_000, 2_000, 4_000, 60_000, 60_000, 60_000,
  ]);
  expect(retryDelayMs(1, 0.999)).toBe(1_100);
});
