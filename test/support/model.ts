/**
 * The payload as Aurora's language model reads it: shortened by Aurora and written as Python's JSON. Shares no code
 * with src.
 */

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Writes JSON as Python's `json.dumps(value, ensure_ascii=False)` does. */
export function dumps(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dumps).join(", ")}]`;
  if (isObject(value)) {
    const members = Object.entries(value).map(
      ([name, member]) => `${JSON.stringify(name)}: ${dumps(member)}`,
    );
    return `{${members.join(", ")}}`;
  }
  // Python writes exponents with at least two digits.
  return JSON.stringify(value).replace(typeof value === "number" ? /e-(\d)$/ : /(?!)/, "e-0$1");
}

/** Shortens texts as Aurora does in a payload of over 1,000 characters. */
export function cutByAurora(value: unknown): unknown {
  if (typeof value === "string") {
    const chars = Array.from(value);
    return chars.length > 250 ? `${chars.slice(0, 250).join("")}... [field truncated]` : value;
  }
  if (Array.isArray(value)) return value.map(cutByAurora);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cutByAurora(member)]));
}

/** Returns every text in a value, in order, but not the names of members. */
export function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return isObject(value) ? Object.values(value).flatMap(textsOf) : [];
}

/** Returns true if a member of any object in the value is null. */
export function hasNullMember(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasNullMember);
  return isObject(value) && Object.values(value).some((member) => member === null || hasNullMember(member));
}
