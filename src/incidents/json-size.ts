/** Computes the length of a value's JSON without writing the JSON. The depth of the value must be bounded. */

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** How a JSON writer's output is measured. */
export interface JsonForm {
  /** The length of a text, with quotes and escapes. */
  text(text: string): number;
  number(number: number): number;
  /** The length of a comma or a colon, including any space after it. */
  separator: number;
  /** Whether null members of an object are written. */
  nulls: boolean;
}

const encoder = new TextEncoder();

/** Whether each code unit takes one byte in JSON. True for most texts, so their size is known without encoding. */
export const isPlain = (text: string) => /^[ !#-[\]-~]*$/.test(text);

/** Measures the output of `JSON.stringify`, in bytes of UTF-8. */
export const COMPACT_BYTES: JsonForm = {
  text: (text) => (isPlain(text) ? text.length + 2 : encoder.encode(JSON.stringify(text)).length),
  number: (number) => String(number).length,
  separator: 1,
  nulls: true,
};

/** Returns all members of an object, but no null members if `form.nulls` is false. */
export function membersOf(value: Record<string, unknown>, form: JsonForm): [string, unknown][] {
  const members = Object.entries(value);
  return form.nulls ? members : members.filter(([, member]) => member !== null);
}

export function sizeOf(value: unknown, form: JsonForm): number {
  if (typeof value === "string") return form.text(value);
  if (typeof value === "number") return form.number(value);
  if (Array.isArray(value)) {
    const items = value.reduce((sum: number, item: unknown) => sum + sizeOf(item, form), 0);
    return 2 + items + Math.max(0, value.length - 1) * form.separator;
  }
  if (isRecord(value)) {
    const members = membersOf(value, form);
    const separators = Math.max(0, 2 * members.length - 1) * form.separator;
    return members.reduce(
      (sum, [name, member]) => sum + form.text(name) + sizeOf(member, form),
      2 + separators,
    );
  }
  return String(value).length;
}
