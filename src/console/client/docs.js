import { showFailure } from "./parts/controls.js";
import { h } from "./parts/dom.js";
import { narrowFold } from "./parts/fold.js";
import { operationCard } from "./reference/operation.js";
import { prose, shown } from "./reference/schema.js";
import { decoded } from "./state/address.js";

/** The API reference, rendered from /openapi.json. */

/** @typedef {import("./reference/schema.js").Reference} Reference */
/** @typedef {{path: string, method: string, card: HTMLElement, id: string, tag: string, summary: string, text: string}} Entry */

const { user, org } = document.body.dataset;
/** “Try it” makes calls as this visitor of the console; undefined if the page is open to everybody. */
const visitor = user === undefined ? undefined : { user, org };
const main = /** @type {HTMLElement} */ (document.getElementById("main"));

/** @param {Reference} reference @returns {Entry[]} */
function entriesOf(reference) {
  /** @param {Reference["paths"]} paths @param {boolean} isSent */
  const all = (paths, isSent) =>
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        path,
        method,
        card: operationCard(path, method, operation, reference, isSent, visitor),
        id: operation.operationId,
        tag: isSent ? SENT : (operation.tags[0] ?? ""),
        summary: operation.summary,
        text: `${method} ${path} ${operation.operationId} ${operation.summary} ${operation.description}`.toLowerCase(),
      })),
    );
  return [...all(reference.paths, false), ...all(reference.webhooks, true)];
}

/** The name of the section about requests that the connector itself sends. */
const SENT = "Sent to Aurora";

/** @param {string} tag */
const anchorOf = (tag) => tag.toLowerCase().replaceAll(" ", "-");

/** @param {Entry[]} entries @param {Entry["tag"]} tag @param {string} description */
const section = (entries, tag, description) =>
  h(
    "section",
    { id: anchorOf(tag) },
    h("h2", null, tag),
    h("p", { class: "muted" }, prose(description)),
    entries.filter((one) => one.tag === tag).map(({ card }) => card),
  );

/**
 * The list of calls, with a search field.
 * @param {Entry[]} entries
 * @param {readonly string[]} tags
 */
function contents(entries, tags) {
  const search = h("input", {
    type: "search",
    placeholder: "Search",
    "aria-label": "Search calls",
    autocomplete: "off",
  });
  const links = new Map(
    entries.map((one) => [
      one,
      h(
        "li",
        null,
        h(
          "a",
          { href: `#${one.id}` },
          h("span", { class: `method ${one.method}` }, one.method),
          h("span", null, prose(one.summary)),
        ),
      ),
    ]),
  );
  const groups = tags.map((tag) => {
    const items = entries.filter((one) => one.tag === tag).map((one) => links.get(one) ?? null);
    return h("li", null, h("a", { class: "tag", href: `#${anchorOf(tag)}` }, tag), h("ul", null, items));
  });
  const none = h("p", { class: "muted", role: "status" });
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase().split(/\s+/);
    /** @type {Set<string>} */
    const found = new Set();
    for (const [one, link] of links) {
      const isFound = wanted.every((word) => one.text.includes(word));
      link.hidden = !isFound;
      one.card.hidden = !isFound;
      if (isFound) found.add(one.tag);
    }
    tags.forEach((tag, index) => {
      const section = document.getElementById(anchorOf(tag));
      for (const part of [groups[index], section]) if (part) part.hidden = !found.has(tag);
    });
    none.textContent = found.size === 0 ? "Nothing found." : "";
    list.open = true;
  });
  const schemas = h("li", null, h("a", { class: "tag", href: "#schemas" }, "Schemas"));
  const summary = h("summary", null, `All ${entries.length} calls`);
  const { element: list } = narrowFold("fold", summary, h("ul", null, groups, schemas));
  return h("nav", { "aria-label": "Contents" }, search, none, list);
}

/** @param {Reference} reference */
function header({ info }) {
  return h(
    "header",
    null,
    h("h1", null, info.title, " ", h("span", { class: "muted" }, info.version)),
    h("p", { class: "muted" }, prose(info.description)),
    h(
      "p",
      { class: "muted" },
      "Each call, except open ones, carries ",
      h("code", null, "X-Internal-Secret"),
      ", ",
      h("code", null, "X-User-ID"),
      " and, when the user has one, ",
      h("code", null, "X-Org-ID"),
      ".",
    ),
    h(
      "p",
      { class: "muted" },
      visitor === undefined
        ? "Anyone who may open the console can try calls here."
        : `“Try it” makes the call to this Worker, as ${visitor.user}.`,
    ),
  );
}

/** @param {Reference} reference */
function page(reference) {
  const entries = entriesOf(reference);
  const tags = [
    ...reference.tags,
    {
      name: SENT,
      description: "What the connector sends to AURORA_EVENTS_URL, in the format of AURORA_EVENTS_FORMAT.",
    },
  ];
  const schemas = Object.entries(reference.components.schemas).map(([name, schema]) =>
    h(
      "section",
      { class: "panel schema", id: `schema-${name}` },
      h("h3", null, name),
      schema.description && h("p", { class: "meta" }, prose(schema.description)),
      shown(schema),
    ),
  );
  return h(
    "div",
    { class: "reference" },
    contents(
      entries,
      tags.map(({ name }) => name),
    ),
    h(
      "div",
      { class: "stack" },
      header(reference),
      tags.map(({ name, description }) => section(entries, name, description)),
      h("section", { id: "schemas" }, h("h2", null, "Schemas"), schemas),
    ),
  );
}

/** Opens the call that the address names, and scrolls to it. */
function openTarget() {
  const target = document.getElementById(decoded(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

async function load() {
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`GET /openapi.json answered ${response.status}.`);
    main.replaceChildren(page(await response.json()));
    openTarget();
  } catch (error) {
    showFailure(main, error, load);
  }
}

await load();
main.removeAttribute("aria-busy");
window.addEventListener("hashchange", openTarget);
