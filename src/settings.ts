import * as z from "zod/mini";

/** Readers of single settings: each parses one variable, or says what is wrong with it without its value. */

export const unset = (value: unknown) =>
  typeof value === "string" && value.trim() === "" ? undefined : value;
/** A `vars` entry may be a number or a boolean in wrangler.toml; all are read as text. */
export const text = z.pipe(
  z.transform((value: unknown) => {
    const given = unset(value);
    return typeof given === "number" || typeof given === "boolean" ? String(given) : given;
  }),
  z.optional(z.string().check(z.trim())),
);

/** What is wrong with a value, in words that follow its variable's name. */
export class Malformed {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

/** A variable as `parse` reads it; undefined when it is not set. */
export const read = <T>(parse: (value: string | undefined) => T | Malformed) =>
  z.pipe(
    text,
    z.transform((value: string | undefined, context): T => {
      const parsed = parse(value);
      if (!(parsed instanceof Malformed)) return parsed;
      context.issues.push({ code: "custom", message: parsed.problem, input: value });
      return z.NEVER;
    }),
  );

export function decodeBase64(encoded: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

export const httpUrl = read((value) => {
  if (value === undefined) return null;
  const url = URL.parse(value);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:") || url.username || url.password) {
    return new Malformed("must be an absolute http(s) URL, such as https://example.com");
  }
  return value.replace(/\/+$/, "");
});

export const DECIMAL = /^(?:\d{1,9}(?:\.\d{0,6})?|\.\d{1,6})$/;

/** So many of a unit, in milliseconds. Never zero but for zero. @param words the range, as it is told */
export const duration = (
  fallback: number,
  unitMs: number,
  isRight: (count: number) => boolean,
  words: string,
) =>
  read((value) => {
    const count = value === undefined ? fallback : DECIMAL.test(value) ? Number(value) : Number.NaN;
    return isRight(count) ? Math.ceil(count * unitMs) : new Malformed(`must be a number ${words}`);
  });

export const flag = read((value) => {
  const lower = value?.toLowerCase();
  if (lower === undefined || lower === "false" || lower === "0") return false;
  if (lower === "true" || lower === "1") return true;
  return new Malformed("must be true or false");
});

/** A URL that is called as it is written, a trailing slash included. */
export const exactUrl = read((value) => {
  const { error } = httpUrl.safeParse(value);
  return error ? new Malformed(error.issues[0]?.message ?? "is malformed") : (value ?? null);
});
