import type { PythonValue } from "./jsonb.ts";
import { cut, lengthOf } from "./python-json.ts";

/** Does what Aurora's `truncate_json_fields` does (server/chat/backend/agent/tools/output_sanitizer.py). */

export interface TruncationLimits {
  /** In code points. */
  readonly maxFieldLength: number;
  /** Each object or array at this depth is replaced by a count. If null, nothing is replaced. */
  readonly maxDepth: number | null;
}

export const TRUNCATED = "... [field truncated]";
const MAX_KEY_LENGTH = 200;
/** A count lists at most this many keys, as in `{object, 7 keys: a, b, c, d, e, ...}`. */
const NAMED_KEYS = 5;

export function truncateFields(value: PythonValue, limits: TruncationLimits, depth = 0): PythonValue {
  if (typeof value === "string") return cutField(value, limits.maxFieldLength);
  const isTooDeep = limits.maxDepth !== null && depth >= limits.maxDepth;
  if (Array.isArray(value)) {
    return isTooDeep
      ? `[array, ${value.length} items]`
      : value.map((item) => truncateFields(item, limits, depth + 1));
  }
  if (!(value instanceof Map)) return value;
  if (isTooDeep) return countOf(value);
  return new Map(
    Array.from(value, ([key, member]) => [cutKey(key), truncateFields(member, limits, depth + 1)]),
  );
}

function countOf(value: ReadonlyMap<string, PythonValue>): string {
  const named = Array.from(value.keys()).slice(0, NAMED_KEYS).join(", ");
  return `{object, ${value.size} keys: ${named}${value.size > NAMED_KEYS ? ", ..." : ""}}`;
}

function cutField(text: string, maxLength: number): string {
  return lengthOf(text) > maxLength ? cut(text, maxLength) + TRUNCATED : text;
}

function cutKey(key: string): string {
  return lengthOf(key) > MAX_KEY_LENGTH ? `${cut(key, MAX_KEY_LENGTH)}...` : key;
}
