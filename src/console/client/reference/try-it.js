import { confirmed, copyBlock, field, form } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { bodyText, jsonText } from "../parts/json.js";
import { query, send } from "../state/api.js";

/** “Try it” on the page `/docs`. It calls the API through the console's API, as the console's visitor. */

/** @typedef {import("./schema.js").Operation} Operation */
/** @typedef {import("./schema.js").Parameter} Parameter */

/** Only these headers of an answer are shown, because a caller acts on them. */
const SHOWN_HEADERS = ["content-type", "retry-after", "x-request-id"];
const BODY_ROWS = 6;

/** @param {Parameter} parameter */
function inputFor({ name, schema }) {
  if (!schema.enum) {
    const standard = schema.default === undefined ? "" : String(schema.default);
    return h("input", { name, autocomplete: "off", spellcheck: "false", placeholder: standard });
  }
  const choices = schema.enum.map((value) => h("option", null, String(value)));
  return h("select", { name }, h("option", { value: "" }, "any"), choices);
}

/** @param {string} text @returns {unknown} undefined: no body. @throws {Error} */
function parsed(text) {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("The body is not JSON. Nothing was sent.");
  }
}

/**
 * @param {string} path @param {FormData} data @param {Parameter[]} own
 * @param {(name: string) => string} missing returns the text for a path parameter that has no value
 */
function pathOf(path, data, own, missing) {
  /** @param {string} name */
  const given = (name) => String(data.get(name) ?? "").trim();
  const filled = path.replace(/\{(\w+)\}/g, (_, /** @type {string} */ name) =>
    given(name) === "" ? missing(name) : encodeURIComponent(given(name)),
  );
  const inQuery = own.filter((one) => one.in === "query").map(({ name }) => [name, given(name) || null]);
  return filled + query(Object.fromEntries(inQuery));
}

/** @param {string} name @returns {never} */
function refuse(name) {
  throw new Error(`${name} is missing. Nothing was sent.`);
}

/** Returns JSON on one line, and any other text unchanged; undefined if there is no body. @param {string} text */
function shortBody(text) {
  if (text.trim() === "") return undefined;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

/** @param {string} text */
function shownBody(text) {
  try {
    return bodyText(JSON.parse(text));
  } catch {
    return text;
  }
}

/** @param {Response} response @param {string} text @param {number} tookMs */
function answered({ status, headers }, text, tookMs) {
  const lines = SHOWN_HEADERS.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [`${name}: ${value}`];
  });
  return [
    h("p", { role: "status" }, h("strong", null, String(status)), ` after ${tookMs} ms`),
    h("p", { class: "meta mono" }, lines.join(" · ")),
    copyBlock("Answer", shownBody(text)).element,
  ];
}

/**
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 * @param {string} visitor the user in whose name the call is made
 * @param {(path: string, body: string | undefined) => void} onInput gets the path and the body after each input
 */
export function tryIt(path, method, operation, visitor, onInput) {
  const own = (operation.parameters ?? []).filter(({ $ref }) => !$ref);
  const content = operation.requestBody?.content["application/json"];
  const example = content?.example === undefined ? "" : jsonText(content.example);
  const body = h("textarea", { name: "body", rows: BODY_ROWS, class: "mono", spellcheck: "false" }, example);
  const result = h("div", { class: "answer" });
  const destroys = operation["x-destroys"];
  const name = `${method.toUpperCase()} ${path}`;
  const element = form(
    { label: "Send", kind: "plain" },
    async (data) => {
      result.replaceChildren();
      const target = pathOf(path, data, own, refuse).replace(/^\/pagerduty/, "");
      const sent = content ? parsed(body.value) : undefined;
      const question = {
        title: `Send ${name}?`,
        text: `It removes ${destroys}. The call goes to ${location.host}, in the name of ${visitor}.`,
        confirm: "Send",
      };
      if (destroys && !(await confirmed(question, new AbortController().signal))) return;
      const startedAtMs = performance.now();
      const response = await send(method.toUpperCase(), target, sent);
      const text = await response.text();
      result.replaceChildren(...answered(response, text, Math.round(performance.now() - startedAtMs)));
    },
    ...own.map((one) => field(one.name, inputFor(one))),
    ...(content ? [field("Body, JSON", body)] : []),
  );
  element.addEventListener("input", () => {
    const filled = pathOf(path, new FormData(element), own, (missing) => `{${missing}}`);
    onInput(filled, content ? shortBody(body.value) : undefined);
  });
  return h(
    "section",
    { class: "try", "aria-label": `Try ${operation.operationId}` },
    h("h3", null, "Try it"),
    element,
    result,
  );
}
