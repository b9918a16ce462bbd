import type { Severity } from "./incident.ts";

/** Word boundaries for every alphabet. An underscore also separates words, unlike in `\b`. */
const BEFORE = String.raw`(?<![\p{L}\p{N}])`;
const AFTER = String.raw`(?![\p{L}\p{N}])`;
/** Excludes a negated word: "not critical", "non-critical". */
const NEGATED = String.raw`(?<!${BEFORE}(?:not|non)[\s_-]+)`;

/**
 * Matches the severity's numbers and its name as whole words. Checks for a negation last, because this check costs
 * most.
 */
const named = (numbers: string, name: string) =>
  new RegExp(`${BEFORE}(?=(?:p${numbers}|sev[\\s_-]?${numbers}|${name})${AFTER})${NEGATED}`, "iu");

/** Most severe first. The first match counts. */
const PATTERNS: readonly [Severity, RegExp][] = [
  ["critical", named("[01]", "critical")],
  ["high", named("2", "high")],
  ["medium", named("3", "medium")],
  ["low", named("[45]", "low")],
];

/**
 * Returns Aurora's severity of an incident: from its priority, or from its urgency if the priority names no severity.
 * @param priority `priority.summary`; without a summary, `priority.name`
 */
export function severityOf(priority: string | null, urgency: string | null): Severity {
  const found = priority === null ? undefined : PATTERNS.find(([, pattern]) => pattern.test(priority));
  if (found) return found[0];
  return urgency?.toLowerCase() === "high" ? "high" : "medium";
}
