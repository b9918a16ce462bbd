import type { Json } from "../prompt/jsonb.ts";
import { cut, lengthOf } from "../prompt/python-json.ts";
import { PythonError } from "./python.ts";

/** The values that columns of Aurora accept (server/utils/db/db_utils.py, `pagerduty_events` and `incidents`). */

const INTEGER_MAX = 2 ** 31 - 1;
const INTEGER_MIN = -(2 ** 31);
/** If the service is not an object, `_extract_service_name` cuts the service's text to this length. */
const SERVICE_NAME_MAX_LENGTH = 255;

/**
 * Returns the value as a `VARCHAR(limit)` column stores it. If no limit is given, the column is a `TEXT` column.
 * @throws {PythonError} for a value that is too long or not a scalar
 */
export function textColumn(value: Json, limit = Number.POSITIVE_INFINITY): string | null {
  if (value === null) return null;
  if (typeof value === "object")
    throw new PythonError("DatabaseError", "can't adapt the value to a text column");
  const text = String(value);
  if (lengthOf(text) > limit) {
    throw new PythonError("DatabaseError", `value too long for type character varying(${limit})`);
  }
  return text;
}

/**
 * Returns the value as an `INTEGER` column stores it: the column also accepts a string of digits, and rounds fractions.
 * @throws {PythonError} for a value that the column refuses
 */
export function integerColumn(value: Json): number {
  const number = typeof value === "string" && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : value;
  if (typeof number !== "number") throw new PythonError("DatabaseError", "invalid input for type integer");
  const rounded = Math.sign(number) * Math.round(Math.abs(number));
  if (rounded < INTEGER_MIN || rounded > INTEGER_MAX)
    throw new PythonError("DatabaseError", "integer out of range");
  return rounded;
}

/** `str(value)[:255]` */
export function serviceNameText(value: Json): string {
  const text = typeof value === "boolean" ? (value ? "True" : "False") : String(value);
  return cut(text, SERVICE_NAME_MAX_LENGTH);
}
