import type { Severity } from "./incident.ts";

/** No letter or digit stands next to it: an underscore parts words, as blanks and punctuation do. */
const BEFORE = String.raw`(?<![\p{L}\p{N}])`;
const AFTER = String.raw`(?![\p{L}\p{N}])`;
/** The word before says the opposite: "not critical", "non-critical". */
const NEGATED = String.raw`(?<!${BEFORE}(?:not|non)[\s_-]+)`;

/** The severity's number and its own name as whole words. The negation is looked for last, as it costs most. */
const named = (numbers: string, name: string) =>
  new RegExp(`${BEFORE}(?=(?:p${numbers}|sev[\\s_-]?${numbers}|${name})${AFTER})${NEGATED}`, "iu");

/** Most severe first; the first that a priority names counts. */
const PATTERNS: readonly [Severity, RegExp][] = [
  ["critical", named("[01]", "critical")],
  ["high", named("2", "high")],
  ["medium", named("3", "medium")],
  ["low", named("[45]", "low")],
];

/**
 * Returns Aurora's severity of an incident: what its priority names, else what its urgency implies.
 * @param priority `priority.summary`, else `priority.name`
 */
export function severityOf(priority: string | null, urgency: string | null): Severity {
  const found = priority === null ? undefined : PATTERNS.find(([, pattern]) => pattern.test(priority));
  if (found) return found[0];
  return urgency?.toLowerCase() === "high" ? "high" : "medium";
}
