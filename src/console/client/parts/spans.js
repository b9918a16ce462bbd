/**
 * A span such as "24h" says how far back a list goes. The address contains the span. The server gets the time at which
 * the span starts.
 */

const HOUR_MS = 3_600_000;

/** @type {Record<string, number>} */
const HOURS = { "1h": 1, "24h": 24, "7d": 7 * 24 };

/** @type {readonly (readonly [span: string, label: string])[]} */
export const SPANS = [
  ["", "All time"],
  ["1h", "Last hour"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
];

/** @type {import("./filters.js").Filter} */
export const TIME = { name: "since", label: "Time", kind: "choice", choices: SPANS };

/**
 * @param {string | null | undefined} span
 * @returns {string | null} the start of a span such as "24h", in ISO 8601; any other text unchanged, because the server
 * checks the text
 */
export function sinceOf(span) {
  if (!span) return null;
  const hours = Object.hasOwn(HOURS, span) ? HOURS[span] : undefined;
  return hours === undefined ? span : new Date(Date.now() - hours * HOUR_MS).toISOString();
}

/**
 * Whether a time is within the span.
 * @param {string | null | undefined} span
 * @param {string | null} iso
 */
export function isWithin(span, iso) {
  const since = sinceOf(span);
  return since === null || !(Date.parse(iso ?? "") < Date.parse(since));
}
