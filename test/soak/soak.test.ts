import { expect, test } from "vitest";
import { soak } from "./story.ts";

const HOUR_MS = 3600 * 1000;
const MINUTE_MS = 60 * 1000;

test("in three simulated days nothing is lost or late, and the stored and billed amounts stay bounded", async () => {
  const { days, findings, longestMs, refreshes } = await soak({
    days: 3,
    retentionDays: 1,
    incidentsADay: 4,
  });
  expect(findings).toEqual([]);
  expect(longestMs.betweenChecks).toBeLessThan(HOUR_MS + MINUTE_MS);
  expect(longestMs.betweenPrunings).toBeLessThan(24 * HOUR_MS + MINUTE_MS);
  expect(longestMs.disabled).toBeLessThan(HOUR_MS + MINUTE_MS);
  expect(refreshes).toBe(3);
  const [, second, third] = days;
  expect(third?.bytes).toBeLessThan(1.5 * (second?.bytes ?? 0));
});
