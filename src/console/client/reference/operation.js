import { copyBlock } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { jsonText } from "../parts/json.js";
import { nameOf, prose, shown, typeOf } from "./schema.js";
import { tryIt } from "./try-it.js";

/** Shows one API call on the page `/docs`: its parameters, bodies, answers and examples, and a shell command. */

/** @typedef {import("./schema.js").Operation} Operation */
/** @typedef {import("./schema.js").Parameter} Parameter */
/** @typedef {import("./schema.js").Reference} Reference */
/** @typedef {import("./schema.js").Visitor} Visitor */

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
      description && h("span", { class: "meta" }, prose(description)),
    ),
  );
  return [h("h3", null, "Parameters"), h("ul", { class: "properties" }, rows)];
}

/** @param {string} name @param {unknown} example */
const exampleBlock = (name, example) =>
  example === undefined ? null : copyBlock(name, jsonText(example)).element;

/** Puts a text in single quotes for a shell. @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Returns a shell command that makes the call with the headers that Aurora's server sends.
 * @param {string} method @param {string} path @param {Operation} operation
 * @param {string | undefined} body @param {Visitor | undefined} visitor
 */
function curl(method, path, operation, body, visitor) {
  const isOpen = operation.security !== undefined;
  const { user, org } = visitor ?? { user: "alice", org: undefined };
  const caller = [
    '-H "X-Internal-Secret: $INTERNAL_API_SECRET"',
    `-H ${quoted(`X-User-ID: ${user}`)}`,
    ...(org === undefined ? [] : [`-H ${quoted(`X-Org-ID: ${org}`)}`]),
  ];
  return [
    `curl -X ${method.toUpperCase()} ${quoted(`${location.origin}${path}`)}`,
    ...(isOpen ? [] : caller),
    ...(body === undefined ? [] : ["-H 'Content-Type: application/json'", `-d ${quoted(body)}`]),
  ].join(" \\\n  ");
}

/** @param {Operation} operation @param {Reference} reference */
function answers(operation, { components }) {
  return Object.entries(operation.responses).map(([status, answer]) => {
    const known = answer.$ref ? components.responses[nameOf(answer.$ref)] : answer;
    const content = answer.$ref ? null : known?.content?.["application/json"];
    const schema = content?.schema;
    return h(
      "li",
      { class: answer.$ref ? "fault" : "" },
      h("code", { class: "name" }, status),
      h("span", null, prose(known?.description)),
      schema && (schema.$ref ? h("code", { class: "type" }, typeOf(schema)) : shown(schema)),
      exampleBlock("Example", content?.example),
    );
  });
}

/**
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 * @param {Reference} reference
 * @param {boolean} isSent whether the connector makes the request
 * @param {Visitor | undefined} visitor “Try it” makes the call as this visitor; undefined: no “Try it”
 */
export function operationCard(path, method, operation, reference, isSent, visitor) {
  const own = (operation.parameters ?? []).filter(({ $ref }) => !$ref);
  const content = operation.requestBody?.content["application/json"];
  const isWebSocket = "101" in operation.responses;
  const isForCallers = !operation.security && !isWebSocket;
  const example = content?.example;
  const body = example === undefined ? undefined : JSON.stringify(example);
  const shell = copyBlock("From a shell", curl(method, path, operation, body, visitor));
  return h(
    "details",
    { class: "panel operation", id: operation.operationId },
    h(
      "summary",
      null,
      h("span", { class: `method ${method}` }, method.toUpperCase()),
      h("code", { class: "path" }, path),
      h("span", { class: "summary" }, prose(operation.summary)),
      operation.security && !isSent ? h("span", { class: "optional" }, "open") : null,
    ),
    operation.description && h("p", null, prose(operation.description)),
    parameterList(own),
    content && [
      h("h3", null, operation.requestBody?.required ? "Body" : "Body, optional"),
      ...shown(content.schema),
      exampleBlock("Example of a body", content.example),
    ],
    isSent || isWebSocket ? null : shell.element,
    visitor !== undefined && isForCallers
      ? tryIt(path, method, operation, visitor.user, (filled, sent) => {
          shell.shown.textContent = curl(method, filled, operation, sent, visitor);
        })
      : null,
    h("h3", null, "Answers"),
    h("ul", { class: "properties" }, answers(operation, reference)),
  );
}
