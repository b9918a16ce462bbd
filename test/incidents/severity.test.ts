import { expect, test } from "vitest";
import { severityOf } from "../../src/incidents/severity.ts";

test.each([
  ["P1", "critical"],
  ["sev1", "critical"],
  ["Critical outage", "critical"],
  ["P2 - High", "high"],
  ["SEV2", "high"],
  ["sev-1 P3", "medium"],
  ["Medium", "medium"],
  ["P4", "low"],
  ["P5", "low"],
  ["sev5", "low"],
  ["low", "low"],
])("priority %j is %s, whatever the urgency", (priority, severity) => {
  expect(severityOf(priority, "high")).toBe(severity);
  expect(severityOf(priority, "low")).toBe(severity);
});

test.each(["P10", "highway", "below", "XP1", "SEV12", "flow", ""])(
  "%j names no severity, as it is not a whole word, so the urgency decides",
  (priority) => {
    expect(severityOf(priority, "high")).toBe("high");
    expect(severityOf(priority, "low")).toBe("medium");
    expect(severityOf(priority, null)).toBe("medium");
  },
);

test("without a priority the urgency decides", () => {
  expect(severityOf(null, "high")).toBe("high");
  expect(severityOf(null, "low")).toBe("medium");
});
