import { expect, test } from "vitest";
import { beyondLimit } from "../../src/delivery/analysis-limit.ts";

const MINUTE_MS = 60_000;
const at = (userId: string, ...minutes: number[]) =>
  minutes.map((minute) => ({ userId, atMs: minute * MINUTE_MS }));

test("Aurora analyses five incidents in five minutes, and each further incident exceeds this limit", () => {
  expect(beyondLimit([])).toBeNull();
  expect(beyondLimit(at("ada", 0, 1, 2, 3, 4.9))).toBeNull();
  expect(beyondLimit(at("ada", 0, 1, 2, 3, 4, 4.5, 4.9))).toEqual({ count: 2, lastAtMs: 4.9 * MINUTE_MS });
});

test("each window of five minutes starts with the first incident after the previous window", () => {
  expect(beyondLimit(at("ada", 0, 4, 4, 4, 4, 5, 6, 7, 8, 9))).toBeNull();
  expect(beyondLimit(at("ada", 0, 4, 4, 4, 4, 5, 6, 7, 8, 9, 9.9))).toMatchObject({ count: 1 });
});

test("the limit applies to each user separately", () => {
  const both = [...at("ada", 0, 0, 0, 0, 0), ...at("bob", 1, 1, 1, 1, 1, 1)];
  expect(beyondLimit(both)).toEqual({ count: 1, lastAtMs: MINUTE_MS });
});
