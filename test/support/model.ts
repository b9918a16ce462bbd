/** The payload as Aurora's model reads it: Aurora's cut, written like Python's JSON. Shares no code with src. */

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As `json.dumps(value, ensure_ascii=False)`. */
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

/** Cuts texts as Aurora does in a payload of over 1,000 characters. */
export function cutByAurora(value: unknown): unknown {
  if (typeof value === "string") {
    const chars = Array.from(value);
    return chars.length > 250 ? `${chars.slice(0, 250).join("")}... [field truncated]` : value;
  }
  if (Array.isArray(value)) return value.map(cutByAurora);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, cutByAurora(member)]));
}

/** Every text in a value, in order; names of members are not. */
export function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return isObject(value) ? Object.values(value).flatMap(textsOf) : [];
}

/** Whether any member of any object in it is null. */
export function hasNullMember(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasNullMember);
  return isObject(value) && Object.values(value).some((member) => member === null || hasNullMember(member));
}
