import { expect, test } from "vitest";
import { backoffMs, parseRetryAfter } from "../../src/retry-timing.ts";

test.each([
  ["120", 120],
  [" 7 ", 7],
  ["0.2", 1],
  ["Thu, 01 Jan 1970 00:02:00 GMT", 120],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ["soon", null],
  ["-5", null],
  ["", null],
  [null, null],
])("the header Retry-After: %j means a wait of %j seconds", (header, seconds) => {
  expect(parseRetryAfter(header, 0)).toBe(seconds);
});

test("the wait doubles with each failure, up to its limit", () => {
  const waits = [0, 1, 2, 3, 4, 5, 2_000].map((failures) =>
    backoffMs(failures, { firstMs: 5_000, maxMs: 60_000 }),
  );
  expect(waits).toEqual([5_000, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
});
