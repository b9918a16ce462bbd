import type { Json } from "../prompt/jsonb.ts";

/** Python's operations on JSON values. They determine for which values Aurora's task fails. */

export type PythonErrorKind = "AttributeError" | "TypeError" | "ValueError" | "DatabaseError";

/** An exception of Aurora's task, or of its database. */
export class PythonError extends Error {
  constructor(kind: PythonErrorKind, message: string) {
    super(`${kind}: ${message}`);
    this.name = "PythonError";
  }
}

export type Dict = { [key: string]: Json };

export function isDict(value: Json): value is Dict {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/**
 * `value.get(key, fallback)`: the fallback replaces only an absent key, never null. @throws {PythonError} if the value
 * is not a dict
 */
export function get(value: Json, key: string, fallback: Json = null): Json {
  if (!isDict(value)) throw noAttribute(value, "get");
  return Object.hasOwn(value, key) ? (value[key] ?? null) : fallback;
}

/**
 * `value.lower()`
 * @throws {PythonError} if the value is not a text
 */
export function lower(value: Json): string {
  if (typeof value !== "string") throw noAttribute(value, "lower");
  return value.toLowerCase();
}

export function isTrue(value: Json): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isDict(value) ? Object.keys(value).length > 0 : Boolean(value);
}

/** `a or b` */
export function or(value: Json, other: Json): Json {
  return isTrue(value) ? value : other;
}

export function noAttribute(value: Json, name: string): PythonError {
  return new PythonError("AttributeError", `'${typeNameOf(value)}' object has no attribute '${name}'`);
}

function typeNameOf(value: Json): string {
  if (value === null) return "NoneType";
  if (Array.isArray(value)) return "list";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  return { string: "str", boolean: "bool" }[String(typeof value)] ?? "dict";
}
