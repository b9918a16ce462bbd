import { expect, test } from "vitest";
import { deadAtMs, errorClassOf, nextStep } from "../../src/delivery/schedule.ts";

const SCHEDULE = [0, 5, 30];
const failed = (retryAfterSeconds: number | null = null) =>
  ({
    kind: "failed",
    cause: "answered",
    status: 500,
    error: "Aurora answered 500",
    advice: null,
    retryAfterSeconds,
  }) as const;

test("an accepted attempt ends the delivery", () => {
  expect(nextStep({ kind: "accepted", status: 200 }, 1, SCHEDULE, 0, 0.5)).toEqual({ step: "delivered" });
});

test("after a failed attempt, the delivery waits for the seconds in the schedule's next entry", () => {
  expect(nextStep(failed(), 1, SCHEDULE, 1000, 0)).toEqual({ step: "retry", atMs: 6000 });
  expect(nextStep(failed(), 2, SCHEDULE, 1000, 0)).toEqual({ step: "retry", atMs: 31_000 });
});

test("after the last attempt the delivery is dead", () => {
  expect(nextStep(failed(), 3, SCHEDULE, 1000, 0)).toEqual({ step: "dead" });
});

test("jitter adds at most a tenth to the wait", () => {
  expect(nextStep(failed(), 2, SCHEDULE, 0, 1)).toEqual({ step: "retry", atMs: 33_000 });
});

test("Retry-After is honoured up to an hour, and never shortens the wait", () => {
  expect(nextStep(failed(120), 1, SCHEDULE, 0, 0)).toEqual({ step: "retry", atMs: 120_000 });
  expect(nextStep(failed(1), 2, SCHEDULE, 0, 0)).toEqual({ step: "retry", atMs: 30_000 });
  expect(nextStep(failed(86_400), 1, SCHEDULE, 0, 0)).toEqual({ step: "retry", atMs: 3_600_000 });
});

test("a delivery will be dead at the time of the schedule's last attempt", () => {
  expect(deadAtMs(1, 6000, SCHEDULE)).toBe(36_000);
  expect(deadAtMs(2, 36_000, SCHEDULE)).toBe(36_000);
});

test.each([
  ["answered", 400, "refused"],
  ["answered", 302, "refused"],
  ["answered", 508, "refused"],
  ["answered", 429, "rate_limited"],
  ["answered", 500, "server_error"],
  ["answered", 503, "server_error"],
  ["timed_out", null, "unreachable"],
  ["unreachable", null, "unreachable"],
  ["not_sent", null, "not_sent"],
] as const)("an attempt that ended as %s %s has the error class %s", (cause, status, errorClass) => {
  expect(errorClassOf(cause, status)).toBe(errorClass);
});
