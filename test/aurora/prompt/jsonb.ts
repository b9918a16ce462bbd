/**
 * PostgreSQL's JSONB. Aurora stores every event in a column of this type, and builds its prompts from the stored event.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A JSON value in Python's form. A dict is a `Map`, because a JavaScript object puts keys like `404` first. */
export type PythonValue = null | boolean | number | string | PythonValue[] | Map<string, PythonValue>;

/** Stores a value as JSONB and reads it back: keys are sorted by length, then by their bytes. */
export function throughJsonb(value: Json): PythonValue {
  if (Array.isArray(value)) return value.map(throughJsonb);
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value).map((key) => ({ key, bytes: Buffer.from(key) }));
  keys.sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes));
  return new Map(keys.map(({ key }) => [key, throughJsonb(value[key] ?? null)]));
}

/**
 * Returns the reason why PostgreSQL refuses the value, or null if it accepts the value. JSONB allows neither U+0000 nor
 * half a surrogate pair.
 */
export function jsonbRefusal(value: Json): string | null {
  for (const text of textsOf(value)) {
    if (text.includes("\u0000"))
      return "unsupported Unicode escape sequence: \\u0000 cannot be converted to text";
    if (!text.isWellFormed()) return "invalid input syntax for type json: half a surrogate pair";
  }
  return null;
}

function* textsOf(value: Json): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const item of value) yield* textsOf(item);
  else if (value !== null && typeof value === "object") {
    for (const [key, member] of Object.entries(value)) {
      yield key;
      yield* textsOf(member);
    }
  }
}
