import type { PythonValue } from "./jsonb.ts";
import { dumps, isTruthy, lengthOf } from "./python-json.ts";
import { truncateFields } from "./truncation.ts";

/**
 * Aurora's `build_rca_prompt`, in server/chat/background/rca_prompt_builder.py, without the parts from Aurora's
 * knowledge base. The payload between the `<alert_payload>` tags is exactly Aurora's; the text around it is not. All
 * lengths are in code points.
 */

const WHOLE_PAYLOAD_MAX_LENGTH = 1_000;
const SHORTENED_PAYLOAD_MAX_LENGTH = 15_000;
const SHORTENED = { maxFieldLength: 250, maxDepth: null };
const COUNTED = { maxFieldLength: 80, maxDepth: 1 };
const COUNTED_INDENT = 2;
const TRUNCATION_NOTE = "Long fields are cut and marked; get_alert_field reads a whole one. ";

export interface PromptInput {
  readonly title: PythonValue;
  readonly payload: ReadonlyMap<string, PythonValue>;
  readonly providers: readonly string[];
}

/** Returns null if the title or the service is not a text, because Aurora then raises a TypeError. */
export function buildRcaPrompt({ title, payload, providers }: PromptInput): string | null {
  if ([title, serviceOf(payload)].some((part) => isTruthy(part) && typeof part !== "string")) return null;
  const { text, note } = payloadText(payload);
  return [
    "# Root-cause analysis of a PagerDuty alert",
    `## Alert: ${title === null ? "None" : title}`,
    `## Connected: ${providers.length > 0 ? providers.join(", ") : "nothing"}`,
    "## Payload",
    `${note}<alert_payload>`,
    text,
    "</alert_payload>",
  ].join("\n");
}

/**
 * Uses the most detailed form that is short enough: whole, with shortened strings, or with counts instead of nested
 * values.
 */
export function payloadText(payload: ReadonlyMap<string, PythonValue>): { text: string; note: string } {
  const value = new Map(payload);
  const whole = dumps(value);
  if (lengthOf(whole) <= WHOLE_PAYLOAD_MAX_LENGTH) return { text: whole, note: "" };
  const shortened = dumps(truncateFields(value, SHORTENED));
  if (lengthOf(shortened) <= SHORTENED_PAYLOAD_MAX_LENGTH) return { text: shortened, note: TRUNCATION_NOTE };
  return { text: dumps(truncateFields(value, COUNTED), COUNTED_INDENT), note: TRUNCATION_NOTE };
}

function serviceOf(payload: ReadonlyMap<string, PythonValue>): PythonValue {
  const metadata = payload.get("metadata");
  const candidates = [
    payload.get("service"),
    payload.get("resource"),
    payload.get("component"),
    metadata instanceof Map ? metadata.get("service") : undefined,
  ];
  return candidates.find((candidate) => candidate !== undefined && isTruthy(candidate)) ?? "";
}
