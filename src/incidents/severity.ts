import type { Severity } from "./incident.ts";

/** A priority says how severe it is when one of these stands in it as a whole word. First match counts. */
const WORDS: readonly [Severity, RegExp][] = [
  ["critical", /(?<![\p{L}\p{N}_])(?:p1|sev1|critical)(?![\p{L}\p{N}_])/iu],
  ["high", /(?<![\p{L}\p{N}_])(?:p2|sev2|high)(?![\p{L}\p{N}_])/iu],
  ["medium", /(?<![\p{L}\p{N}_])(?:p3|sev3|medium)(?![\p{L}\p{N}_])/iu],
  ["low", /(?<![\p{L}\p{N}_])(?:p4|p5|sev4|sev5|low)(?![\p{L}\p{N}_])/iu],
];

/**
 * Aurora's severity of an incident: from its priority's name where that says one, else from its urgency.
 * @param priority `priority.summary`, else `priority.name`
 */
export function severityOf(priority: string | null, urgency: string | null): Severity {
  const named = priority === null ? undefined : WORDS.find(([, words]) => words.test(priority));
  if (named) return named[0];
  return urgency?.toLowerCase() === "high" ? "high" : "medium";
}
