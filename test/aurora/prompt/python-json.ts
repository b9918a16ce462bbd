import type { PythonValue } from "./jsonb.ts";

/** Counts code points, as Python's `len` does. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** Returns the first `length` code points, as Python's `text[:length]` does. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : Array.from(text).slice(0, length).join("");
}

/** Python's `bool(value)`. */
export function isTruthy(value: PythonValue): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value instanceof Map ? value.size > 0 : Boolean(value);
}

/**
 * Writes JSON as Python's `json.dumps(value, ensure_ascii=False)` does.
 * @param indent the number of blanks for each level; null writes one line, with the separators `, ` and `: `
 */
export function dumps(value: PythonValue, indent: number | null = null, level = 0): string {
  if (Array.isArray(value)) {
    const items = value.map((item) => dumps(item, indent, level + 1));
    return enclose("[", items, "]", indent, level);
  }
  if (value instanceof Map) {
    const members = Array.from(
      value,
      ([key, member]) => `${JSON.stringify(key)}: ${dumps(member, indent, level + 1)}`,
    );
    return enclose("{", members, "}", indent, level);
  }
  return typeof value === "number" ? numberText(value) : JSON.stringify(value);
}

function enclose(open: string, parts: string[], close: string, indent: number | null, level: number): string {
  if (parts.length === 0) return open + close;
  if (indent === null) return open + parts.join(", ") + close;
  const blanks = " ".repeat(indent * (level + 1));
  return `${open}\n${blanks}${parts.join(`,\n${blanks}`)}\n${" ".repeat(indent * level)}${close}`;
}

/** Python writes floats below this limit with an exponent. */
const SMALLEST_PLAIN_FLOAT = 1e-4;

/** JSONB writes numbers without exponents, so Python reads even 1e21 as an integer. */
function numberText(value: number): string {
  if (Number.isInteger(value)) return wholeNumberText(value);
  if (Math.abs(value) >= SMALLEST_PLAIN_FLOAT) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

function wholeNumberText(value: number): string {
  const [, sign = "", whole = "", fraction = "", exponent] =
    /^(-?)(\d+)(?:\.(\d+))?e\+(\d+)$/.exec(String(value)) ?? [];
  if (exponent === undefined) return String(value);
  return sign + whole + fraction.padEnd(Number(exponent), "0");
}
