import fc from "fast-check";
import { expect, test } from "vitest";
import { severityOf } from "../../src/incidents/severity.ts";

const NAMES = {
  critical: ["P0", "P1", "SEV0", "SEV1", "critical"],
  high: ["P2", "SEV2", "high"],
  medium: ["P3", "SEV3", "medium"],
  low: ["P4", "P5", "SEV4", "SEV5", "low"],
} as const;

const SPELLINGS = Object.entries(NAMES).flatMap(([severity, names]) =>
  names
    .flatMap((name) =>
      name.startsWith("SEV")
        ? ["", "-", " ", "_"].map((parted) => name.replace("SEV", `SEV${parted}`))
        : [name],
    )
    .map((name) => ({ name, severity })),
);

const parting = fc.stringMatching(/^[ _\-/:()[\].,!]{1,3}$/);

test.each(SPELLINGS)(
  "the priority $name gives the severity $severity, in upper and lower case and whatever the urgency",
  ({ name, severity }) => {
    for (const priority of [name, name.toLowerCase(), name.toUpperCase()]) {
      for (const urgency of ["high", "low", null]) expect(severityOf(priority, urgency)).toBe(severity);
    }
  },
);

test.each([
  ["Critical outage", "critical"],
  ["P1_Critical", "critical"],
  ["prod_P2_db", "high"],
  ["P2 - High", "high"],
  ["P3/Low", "medium"],
  ["sev-1 P3", "critical"],
  ["Not critical, P3", "medium"],
  ["Non-critical (SEV-4)", "low"],
  ["Is it down or not? P1", "critical"],
  ["cannot reach P2", "high"],
])("the priority %j gives the severity %s", (priority, severity) => {
  expect(severityOf(priority, "low")).toBe(severity);
});

test.each(
  [
    ["P10", "P6", "SEV12", "SEV6", "SEV--1", "SEV 1st", "XP1", "1P1"],
    ["highway", "below", "flow", "criticality", "hypercritical", ""],
    ["Not critical", "non-critical", "NOT_P1", "not  sev 1", "non SEV-2", "not\u00a0high"],
  ].flat(),
)("the priority %j names no severity, so the severity comes from the urgency", (priority) => {
  expect(severityOf(priority, "high")).toBe("high");
  expect(severityOf(priority, "HIGH")).toBe("high");
  expect(severityOf(priority, "low")).toBe("medium");
  expect(severityOf(priority, null)).toBe("medium");
});

test("without a priority the severity comes from the urgency", () => {
  expect(severityOf(null, "high")).toBe("high");
  expect(severityOf(null, "low")).toBe("medium");
});

test("a severity's name is recognized anywhere in the priority if it is a whole word", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...SPELLINGS),
      parting,
      parting,
      fc.constantFrom("", "db", "prod", "Ω"),
      ({ name, severity }, before, after, word) => {
        expect(severityOf(`${word}${before}${name}${after}${word}`, "low")).toBe(severity);
      },
    ),
  );
});

test("a severity's name is not recognized inside another word or after a negation", () => {
  const letter = fc.constantFrom("x", "É", "9", "ß", "語");
  fc.assert(
    fc.property(fc.constantFrom(...SPELLINGS), letter, ({ name }, joined) => {
      expect(severityOf(`${joined}${name}`, "low")).toBe("medium");
      expect(severityOf(`${name}${joined}`, "low")).toBe("medium");
    }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...SPELLINGS),
      fc.constantFrom("not", "Non", "NOT"),
      fc.stringMatching(/^[\s_-]{1,3}$/),
      ({ name }, negation, parted) => {
        expect(severityOf(`${negation}${parted}${name}`, "low")).toBe("medium");
      },
    ),
  );
});

test("if a priority names two severities, one of them is chosen, and their order does not matter", () => {
  fc.assert(
    fc.property(fc.constantFrom(...SPELLINGS), fc.constantFrom(...SPELLINGS), (a, b) => {
      expect(severityOf(`${a.name}, ${b.name}`, null)).toBe(severityOf(`${b.name}, ${a.name}`, null));
      expect([a.severity, b.severity]).toContain(severityOf(`${a.name}, ${b.name}`, null));
    }),
  );
});
