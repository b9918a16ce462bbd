/** Creates elements. Text from the server never becomes markup, only text nodes and plain attributes. */

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>} Props
 */

/**
 * @param {Element} element
 * @param {Props} props
 * @param {readonly (Child | readonly Child[])[]} children
 */
function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
}

/**
 * @param {Element} element
 * @param {readonly (Child | readonly Child[])[]} children
 */
export function append(element, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Creates an element: `h("a", {href, click: fn}, "text", child)`. A function becomes a listener.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props | null} [props]
 * @param {...(Child | readonly Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  fill(element, props ?? {}, children);
  return element;
}

/**
 * Creates an SVG element.
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...(Child | readonly Child[])} children
 */
export function svg(tag, props, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  fill(element, props ?? {}, children);
  return element;
}

/**
 * Looks up a name from the server. The name may be “constructor”, which every object inherits. Inherited names give
 * undefined.
 * @template T
 * @param {Record<string, T>} table
 * @param {string | null | undefined} name
 * @returns {T | undefined}
 */
export const entry = (table, name) => (name && Object.hasOwn(table, name) ? table[name] : undefined);

/**
 * A link to another site; null if the URL is not http: or https:, because a URL from the server can also be
 * `javascript:`.
 * @param {string | null} url
 * @param {string} text
 */
export function outerLink(url, text) {
  const parsed = url === null ? null : URL.parse(url);
  if (parsed?.protocol !== "https:" && parsed?.protocol !== "http:") return null;
  return h("a", { href: parsed.href, rel: "noreferrer", target: "_blank" }, text);
}
