import { env } from "cloudflare:workers";
import { afterEach, expect, test } from "vitest";
import { count } from "../../src/metrics.ts";

afterEach(() => void Reflect.deleteProperty(env, "METRICS"));

test("without the Analytics Engine binding, counting does nothing and does not throw", () => {
  expect(() => count("received", "ada", "signature")).not.toThrow();
});

test("with the Analytics Engine binding, each count is a data point with its user, outcome and duration", () => {
  const points: unknown[] = [];
  Object.assign(env, { METRICS: { writeDataPoint: (point: unknown) => points.push(point) } });
  count("delivery", "ada", "delivered", 1200);
  count("rejected", undefined, "invalid_signature");
  expect(points).toEqual([
    { indexes: ["ada"], blobs: ["delivery", "delivered"], doubles: [1200] },
    { indexes: [""], blobs: ["rejected", "invalid_signature"], doubles: [0] },
  ]);
});

test("a user id that is too long for an index is shortened, and the count is not lost", () => {
  const points: { indexes: string[] }[] = [];
  Object.assign(env, { METRICS: { writeDataPoint: (point: { indexes: string[] }) => points.push(point) } });
  count("received", "u".repeat(128), "signature");
  expect(points[0]?.indexes[0]).toHaveLength(96);
});

test("counting does not throw if Analytics Engine refuses a data point", () => {
  const writeDataPoint = () => {
    throw new Error("Too many data points");
  };
  Object.assign(env, { METRICS: { writeDataPoint } });
  expect(() => count("received", "ada", "signature")).not.toThrow();
});
