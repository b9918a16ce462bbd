import { reading } from "../state/reading.js";
import { copyBlock, loading } from "./controls.js";
import { h } from "./dom.js";
import { bodyText, jsonText } from "./json.js";

/** One entry of a list, with the body that was received or sent. */

/**
 * @template {{payload?: unknown}} T
 * @typedef {object} Entry
 * @property {string} name the list's name, such as "Events"
 * @property {string} list the list's address
 * @property {() => Promise<T>} load
 * @property {(item: T) => string} title
 * @property {(item: T) => (import("./dom.js").Child | readonly import("./dom.js").Child[])[]} lines shown between the
 * title and the payload
 * @property {(item: T) => readonly import("./dom.js").Child[]} [after] shown below the payload
 */

/**
 * @template {{payload?: unknown}} T
 * @param {HTMLElement} side
 * @param {Entry<T>} entry
 * @param {AbortSignal} signal
 * @returns {() => Promise<void>} reloads the entry
 */
export function renderPayload(side, { name, list, load, title, lines, after }, signal) {
  let shown = "";
  const back = () => h("a", { class: "back", href: list }, `← All ${name.toLowerCase()}`);
  // A narrow screen shows only this entry, so a heading is needed even while the entry loads.
  /** @param {HTMLElement} content */
  const untitled = (content) =>
    h(
      "div",
      { class: "panel" },
      h("div", { class: "panel-head" }, back()),
      h("h1", { class: "hidden" }, name),
      content,
    );

  /** @param {T} item */
  function article(item) {
    return h(
      "article",
      { class: "panel detail" },
      h("div", { class: "panel-head" }, back()),
      h("h1", { tabindex: -1, class: "mono" }, title(item)),
      lines(item).flat(),
      copyBlock("Payload", bodyText(item.payload)).element,
      after?.(item) ?? null,
    );
  }

  async function read() {
    const item = await load();
    if (signal.aborted || shown === jsonText(item)) return;
    const first = shown === "";
    // Redrawing removes the focused element, so the focus moves to the title.
    const inside = side.contains(document.activeElement);
    side.replaceChildren(article(item));
    shown = jsonText(item);
    const heading = side.querySelector("h1");
    if (heading && (first || inside)) heading.focus({ preventScroll: !first });
  }
  const place = h("div", null, loading("Loading the payload"));
  const draw = reading(read, signal, { isShown: () => shown !== "", place });
  side.replaceChildren(untitled(place));
  void draw();
  return draw;
}
