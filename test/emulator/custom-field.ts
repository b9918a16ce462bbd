import { objectId } from "./identifier.ts";

/** The field's first value determines its type here. At PagerDuty, the person who creates the field chooses the type. */
export interface CustomField {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly dataType: "boolean" | "integer" | "float" | "string" | "datetime" | "url";
  readonly fieldType: "single_value" | "multi_value";
}

/** The custom fields of an account, by name. */
export class CustomFields {
  readonly #fields = new Map<string, CustomField>();

  all(): CustomField[] {
    return [...this.#fields.values()];
  }

  /** Creates the field on first use, with a type that fits the value. */
  named(name: string, value: unknown): CustomField {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const field: CustomField = {
      id: objectId(),
      name,
      displayName: name
        .split("_")
        .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
        .join(" "),
      dataType: dataTypeOf(value),
      fieldType: Array.isArray(value) ? "multi_value" : "single_value",
    };
    this.#fields.set(name, field);
    return field;
  }
}

function dataTypeOf(value: unknown): CustomField["dataType"] {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "float";
  if (typeof value !== "string") return "string";
  if (/^https?:\/\//.test(value)) return "url";
  return /^\d{4}-\d\d-\d\dT/.test(value) ? "datetime" : "string";
}
