import * as z from "zod/mini";
import { isRecord } from "../incidents/json-size.ts";
import { PROPERTY_TEXTS } from "./texts/properties.ts";

/** Generates the JSON Schemas of the OpenAPI document from the schemas that validate requests and answers. */

const REF = "#/components/schemas/";

/** Writes each schema that has an id only once, under `components`. A schema without an id is written at each use. */
export class DocumentedSchemas {
  readonly components: Record<string, unknown> = {};

  /** @param io `input` for a body that is sent to the Worker, `output` for an answer */
  of(schema: z.core.$ZodType, io: "input" | "output"): unknown {
    const {
      $schema: _,
      $defs,
      ...own
    } = z.toJSONSchema(schema, {
      io,
      unrepresentable: "any",
      reused: "inline",
      // Removes a pattern that only repeats the format, and limits that only repeat the type `integer`.
      override: ({ jsonSchema }) => {
        if (jsonSchema.format === "date-time") delete jsonSchema.pattern;
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      },
    });
    for (const [name, definition] of Object.entries($defs ?? {})) this.#add(name, definition);
    const id = z.globalRegistry.get(schema)?.id;
    if (id === undefined) return described(relinked(own), "");
    this.#add(id, own);
    return { $ref: `${REF}${id}` };
  }

  #add(name: string, definition: unknown): void {
    const linked = relinked(definition);
    if (isRecord(linked)) delete linked["id"];
    this.components[name] ??= described(linked, name);
  }
}

/** Replaces zod's `#/$defs/X` by OpenAPI's `#/components/schemas/X`. */
function relinked(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', `"${REF}`));
}

/** Adds a description to every property of the schema. @param owner the component that the schema belongs to */
function described(schema: unknown, owner: string): unknown {
  if (Array.isArray(schema)) return schema.map((item) => described(item, owner));
  if (!isRecord(schema)) return schema;
  const inside = Object.entries(schema).map(([key, value]) => [key, described(value, owner)] as const);
  const result: Record<string, unknown> = Object.fromEntries(inside);
  const properties = result["properties"];
  if (!isRecord(properties)) return result;
  for (const [name, property] of Object.entries(properties)) {
    const text = PROPERTY_TEXTS[`${owner}.${name}`] ?? PROPERTY_TEXTS[name];
    if (isRecord(property) && !("description" in property) && text) property["description"] = text;
  }
  return result;
}
