import { h } from "./parts/dom.js";
import { decoded } from "./state/address.js";

/** The API reference, rendered from /openapi.json. */

/**
 * @typedef {{$ref?: string, type?: string | string[], enum?: unknown[], const?: unknown, format?: string,
 *   description?: string, properties?: Record<string, Schema>, required?: string[], items?: Schema,
 *   anyOf?: Schema[], oneOf?: Schema[], minimum?: number, maximum?: number, default?: unknown}} Schema
 * @typedef {{description: string, content?: Record<string, {schema: Schema}>}} Answer
 * @typedef {{$ref?: string, name: string, in: string, required: boolean, description?: string, schema: Schema}} Parameter
 * @typedef {{tags: string[], summary: string, operationId: string, security?: unknown[], parameters: Parameter[],
 *   requestBody?: {required: boolean, content: Record<string, {schema: Schema}>},
 *   responses: Record<string, Answer & {$ref?: string}>}} Operation
 * @typedef {{info: {title: string, version: string, description: string}, paths: Record<string, Record<string, Operation>>,
 *   components: {schemas: Record<string, Schema>, responses: Record<string, Answer>, parameters: Record<string, Parameter>}}} Reference
 */

const main = /** @type {HTMLElement} */ (document.getElementById("main"));

/** @param {string} ref */
const nameOf = (ref) => ref.split("/").at(-1) ?? "";

/** @param {Schema} schema @returns {(Node | string)[]} its type in a few words */
function typeOf(schema) {
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

/** @param {Schema} schema @returns {Schema[]} whose properties are worth showing */
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
          property.description && h("span", { class: "meta" }, property.description),
          properties(property),
        ),
      ),
    ),
  );
}

/** @param {Schema} schema */
const shown = (schema) =>
  schema.properties || shapes(schema).length > 0
    ? properties(schema)
    : [h("p", { class: "mono" }, typeOf(schema))];

/** @param {Parameter[]} parameters */
function parameterList(parameters) {
  if (parameters.length === 0) return null;
  const rows = parameters.map(({ name, in: place, required, description, schema }) =>
    h(
      "li",
      null,
      h("code", { class: "name" }, name),
      required ? null : h("span", { class: "optional" }, "optional"),
      h("code", { class: "type" }, typeOf(schema), ` in ${place}`),
      description && h("span", { class: "meta" }, description),
    ),
  );
  return [h("h3", null, "Parameters"), h("ul", { class: "properties" }, rows)];
}

/**
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 * @param {Reference} reference
 */
function operationCard(path, method, operation, { components }) {
  const own = operation.parameters.filter(({ $ref }) => !$ref);
  const body = operation.requestBody?.content["application/json"]?.schema;
  const answers = Object.entries(operation.responses).map(([status, answer]) => {
    const known = answer.$ref ? components.responses[nameOf(answer.$ref)] : answer;
    const schema = answer.$ref ? null : known?.content?.["application/json"]?.schema;
    return h(
      "li",
      { class: answer.$ref ? "fault" : "" },
      h("code", { class: "name" }, status),
      h("span", null, known?.description ?? ""),
      schema && (schema.$ref ? h("code", { class: "type" }, typeOf(schema)) : shown(schema)),
    );
  });
  return h(
    "details",
    { class: "panel operation", id: operation.operationId },
    h(
      "summary",
      null,
      h("span", { class: `method ${method}` }, method.toUpperCase()),
      h("code", { class: "path" }, path),
      h("span", { class: "summary" }, operation.summary),
      operation.security ? h("span", { class: "optional" }, "open") : null,
    ),
    parameterList(own),
    body && [h("h3", null, operation.requestBody?.required ? "Body" : "Body, optional"), ...shown(body)],
    h("h3", null, "Answers"),
    h("ul", { class: "properties" }, answers),
  );
}

/** @param {Reference} reference */
function page(reference) {
  const { info, paths, components } = reference;
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(all.flatMap(({ operation }) => operation.tags))];
  const sections = tags.map((tag) =>
    h(
      "section",
      { id: tag.toLowerCase() },
      h("h2", null, tag),
      all
        .filter(({ operation }) => operation.tags.includes(tag))
        .map(({ path, method, operation }) => operationCard(path, method, operation, reference)),
    ),
  );
  const schemas = Object.entries(components.schemas).map(([name, schema]) =>
    h(
      "section",
      { class: "panel schema", id: `schema-${name}` },
      h("h3", null, name),
      schema.description && h("p", { class: "meta" }, schema.description),
      shown(schema),
    ),
  );
  const contents = [...tags.map((tag) => [tag.toLowerCase(), tag]), ["schemas", "Schemas"]];
  return h(
    "div",
    { class: "reference" },
    h(
      "nav",
      { "aria-label": "Contents" },
      h(
        "ul",
        null,
        contents.map(([id, label]) => h("li", null, h("a", { href: `#${id}` }, label ?? ""))),
      ),
    ),
    h(
      "div",
      { class: "stack" },
      h(
        "header",
        null,
        h("h1", null, info.title, " ", h("span", { class: "muted" }, info.version)),
        h("p", { class: "muted" }, info.description),
        h(
          "p",
          { class: "muted" },
          "Each call, unless it is open, carries ",
          h("code", null, "X-Internal-Secret"),
          ", ",
          h("code", null, "X-User-ID"),
          " and, when the user has one, ",
          h("code", null, "X-Org-ID"),
          ".",
        ),
      ),
      sections,
      h("section", { id: "schemas" }, h("h2", null, "Schemas"), schemas),
    ),
  );
}

/** A link to a call opens it. */
function openTarget() {
  const target = document.getElementById(decoded(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

try {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`GET /openapi.json answered ${response.status}`);
  main.replaceChildren(page(await response.json()));
  openTarget();
  window.addEventListener("hashchange", openTarget);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  main.replaceChildren(
    h("p", { role: "alert" }, `The reference could not be loaded: ${message}. Reload the page.`),
  );
} finally {
  main.removeAttribute("aria-busy");
}
