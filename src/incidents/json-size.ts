/** How long a JSON value is when it is written, without writing it. Values must be of bounded depth. */

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A way to write JSON, as far as its length goes. */
export interface JsonForm {
  /** The length of a text with its quotes and escapes. */
  text(text: string): number;
  number(number: number): number;
  /** The length of a comma or a colon with the blank behind it, if there is one. */
  separator: number;
  /** Whether an object's members that are null are written. */
  nulls: boolean;
}

const encoder = new TextEncoder();

/** Whether JSON writes each code unit as one byte. Nearly all text is so, and measuring it costs no copy. */
export const isPlain = (text: string) => /^[ !#-[\]-~]*$/.test(text);

/** As `JSON.stringify` writes it, in bytes of UTF-8. */
export const COMPACT_BYTES: JsonForm = {
  text: (text) => (isPlain(text) ? text.length + 2 : encoder.encode(JSON.stringify(text)).length),
  number: (number) => String(number).length,
  separator: 1,
  nulls: true,
};

/** An object's members that are written. */
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
