import { h } from "../parts/dom.js";

/** Shows a JSON Schema to a reader of the reference: types in a few words, properties as a list. */

/**
 * @typedef {{$ref?: string, type?: string | string[], enum?: unknown[], const?: unknown, format?: string,
 *   description?: string, properties?: Record<string, Schema>, required?: string[], items?: Schema,
 *   anyOf?: Schema[], oneOf?: Schema[], minimum?: number, maximum?: number, default?: unknown}} Schema
 * @typedef {{description: string, content?: Record<string, {schema: Schema, example?: unknown}>}} Answer
 * @typedef {{$ref?: string, name: string, in: string, required: boolean, description?: string, schema: Schema}} Parameter
 * @typedef {{tags: string[], summary: string, description?: string, operationId: string, "x-destroys"?: string, security?: unknown[], parameters?: Parameter[],
 *   requestBody?: {required: boolean, content: Record<string, {schema: Schema, example?: unknown}>},
 *   responses: Record<string, Answer & {$ref?: string}>}} Operation
 * @typedef {{info: {title: string, version: string, description: string}, tags: {name: string, description: string}[],
 *   paths: Record<string, Record<string, Operation>>, webhooks: Record<string, Record<string, Operation>>,
 *   components: {schemas: Record<string, Schema>, responses: Record<string, Answer>, parameters: Record<string, Parameter>}}} Reference
 */

/** The console's visitor: “Try it” makes calls as this visitor. @typedef {{user: string, org: string | undefined}} Visitor */

/** Turns the parts in backticks into code. @param {string | undefined} text @returns {(Node | string)[]} */
export const prose = (text = "") =>
  text.split("`").map((part, index) => (index % 2 === 1 ? h("code", null, part) : part));

/** @param {string} ref */
export const nameOf = (ref) => ref.split("/").at(-1) ?? "";

/** @param {Schema} schema @returns {(Node | string)[]} its type in a few words */
export function typeOf(schema) {
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return [h("a", { href: `#schema-${name}` }, name)];
  }
  const options = schema.anyOf ?? schema.oneOf;
  if (options)
    return options.flatMap((option, index) => (index === 0 ? typeOf(option) : [" | ", ...typeOf(option)]));
  if (schema.const !== undefined) return [JSON.stringify(schema.const)];
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(" | ")];
  if (schema.items) return ["list of ", ...typeOf(schema.items)];
  if (schema.format) return [schema.format];
  return [[schema.type ?? "anything"].flat().join(" | ")];
}

/**
 * Finds the schemas that have properties: looks at `schema` itself, its options and its list items.
 * @param {Schema} schema
 * @returns {Schema[]}
 */
function shapes(schema) {
  const inner = [...(schema.anyOf ?? schema.oneOf ?? []), ...(schema.items ? [schema.items] : [])];
  return [...(schema.properties ? [schema] : []), ...inner.flatMap(shapes)];
}

/** @param {Schema} schema @returns {HTMLElement[]} */
function properties(schema) {
  return shapes(schema).map((shape) =>
    h(
      "ul",
      { class: "properties" },
      Object.entries(shape.properties ?? {}).map(([name, property]) =>
        h(
          "li",
          null,
          h("code", { class: "name" }, name),
          shape.required?.includes(name) ? null : h("span", { class: "optional" }, "optional"),
          h("code", { class: "type" }, typeOf(property)),
          property.description && h("span", { class: "meta" }, prose(property.description)),
          properties(property),
        ),
      ),
    ),
  );
}

/** @param {Schema} schema */
export const shown = (schema) =>
  schema.properties || shapes(schema).length > 0
    ? properties(schema)
    : [h("p", { class: "mono" }, typeOf(schema))];
