import * as z from "zod/mini";

/** Reads the columns of rows. */

/** The first column of each row. @throws {Error} where a value does not fit */
export const columnOf = <T>(rows: Iterable<Record<string, unknown>>, schema: z.ZodMiniType<T>): T[] =>
  [...rows].map((row) => schema.parse(Object.values(row)[0]));

/** The first column of an aggregate's only row: a count, or the time of the first of several; null where there is none. */
export function numberOf(rows: Iterable<Record<string, unknown>>): number | null {
  const [value = null] = columnOf(rows, z.nullable(z.number()));
  return value;
}

/** A value that is stored as JSON. SQL statements never look into it. */
export const json = <T>(schema: z.ZodMiniType<T>) =>
  z.pipe(
    z.nullable(z.string()),
    z.transform((text: string | null, context): T | null => {
      if (text === null) return null;
      try {
        return schema.parse(JSON.parse(text));
      } catch {
        context.issues.push({ code: "custom", message: "cannot be read", input: text });
        return z.NEVER;
      }
    }),
  );
