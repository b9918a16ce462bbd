import * as z from "zod/mini";

/** Reads columns of the rows that an SQL query returns. */

/** Returns the first column of each row. @throws {Error} if `schema` does not accept a value */
export const columnOf = <T>(rows: Iterable<Record<string, unknown>>, schema: z.ZodMiniType<T>): T[] =>
  [...rows].map((row) => schema.parse(Object.values(row)[0]));

/** Returns the number that a query such as `SELECT count(*)` returns; null if it returns no number. */
export function numberOf(rows: Iterable<Record<string, unknown>>): number | null {
  const [value = null] = columnOf(rows, z.nullable(z.number()));
  return value;
}

/** Parses a column that holds a value as JSON text. */
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
