import { reading } from "../state/reading.js";
import { action, empty, loading } from "./controls.js";
import { h, keep } from "./dom.js";

/** A list that is read page by page, newest first, and kept up to date; and what lies beside it. */

const PAGE_SIZE = 50;
/** The API's own limit. */
const MAX_PAGE_SIZE = 100;

/**
 * @template T
 * @typedef {object} Listed
 * @property {string} name of what is listed, such as "Deliveries"
 * @property {readonly import("./dom.js").Child[]} tools beside the heading
 * @property {"grid" | ""} layout
 * @property {(limit: number, cursor: string | null) => Promise<{items: readonly T[], nextCursor: string | null}>} page
 * @property {(item: T) => string} keyOf
 * @property {(item: T) => HTMLElement} row
 * @property {(item: T) => boolean} wanted by the filter that is on
 * @property {(a: T, b: T) => number} [order] where it is another than that of the API
 * @property {(any: boolean) => readonly [string, string]} nothing title and text where no row is; `any`: there are unwanted ones
 * @property {(items: readonly T[]) => void} [shown] after each change
 */

/**
 * @template T
 * @param {Listed<T>} how
 * @param {AbortSignal} signal
 */
export function listing(how, signal) {
  /** @type {Map<string, T>} */
  let items = new Map();
  /** @type {string | null} */
  let cursor = null;
  let loaded = false;
  let chosen = "";
  /** What was put in while the list is being read: newer than what the answer will say. @type {Map<string, T>} */
  let late = new Map();
  // Of the reading that counts: an answer that another one has overtaken is dropped.
  let turn = 0;
  /** @type {Promise<unknown>} */
  let before = Promise.resolve();
  const name = how.name.toLowerCase();
  const list = h("ul", { class: `rows ${how.layout}`, "aria-label": how.name });
  const note = h("div");
  const more = action(`Load older ${name}`, () => inTurn(older));
  const panel = h(
    "section",
    { class: "panel list" },
    h("div", { class: "panel-head" }, h("h1", { tabindex: -1 }, how.name), how.tools),
    list,
    note,
    more,
  );

  function show() {
    const rows = [...items.values()].filter(how.wanted);
    if (how.order) rows.sort(how.order);
    keep(list, rows, how.keyOf, how.row);
    for (const row of list.children) {
      const current = row.getAttribute("data-key") === chosen;
      row.classList.toggle("current", current);
      const link = row.querySelector("a");
      if (current) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
    }
    more.hidden = cursor === null;
    how.shown?.([...items.values()]);
    if (!loaded) return;
    const [title, text] = how.nothing(items.size > 0);
    note.replaceChildren(...(rows.length === 0 ? [empty(title, h("p", null, text))] : []));
  }

  /**
   * One after the other: a page that is read while the list is read anew would not fit to it.
   * @param {() => Promise<void>} work
   */
  function inTurn(work) {
    const mine = before.then(work);
    before = mine.catch(() => {});
    return mine;
  }

  /** As much as is shown, read anew. */
  async function read() {
    turn += 1;
    const mine = turn;
    late = new Map();
    /** @type {Map<string, T>} */
    const fresh = new Map();
    const count = Math.max(PAGE_SIZE, items.size);
    /** @type {string | null} */
    let next = null;
    try {
      do {
        const page = await how.page(Math.min(MAX_PAGE_SIZE, count - fresh.size), next);
        if (signal.aborted || mine !== turn) return;
        for (const item of page.items) fresh.set(how.keyOf(item), item);
        next = page.nextCursor;
      } while (next !== null && fresh.size < count);
    } catch (error) {
      if (mine !== turn) return;
      throw error;
    }
    items = new Map([...late, ...fresh, ...late]);
    cursor = next;
    loaded = true;
    show();
  }

  async function older() {
    if (cursor === null) return;
    const mine = turn;
    const page = await how.page(PAGE_SIZE, cursor);
    if (signal.aborted || mine !== turn) return;
    for (const item of page.items) {
      if (!late.has(how.keyOf(item))) items.set(how.keyOf(item), item);
    }
    cursor = page.nextCursor;
    const held = document.activeElement === more;
    show();
    // The last of them hides the button.
    const last = list.lastElementChild?.querySelector("a");
    if (held && more.hidden) last?.focus({ preventScroll: true });
  }

  const again = reading(read, signal, { isShown: () => loaded, place: note });
  more.hidden = true;
  note.replaceChildren(loading(`Loading ${name}`));
  void inTurn(again);
  return {
    panel,
    show,
    /** Reads it anew, quietly. */
    reload: () => inTurn(again),
    /** After another filter was chosen: what is known at once, the rest when it comes. */
    refilter() {
      items = new Map([...items].filter(([, item]) => how.wanted(item)));
      cursor = null;
      loaded = false;
      show();
      note.replaceChildren(...(list.children.length === 0 ? [loading(`Loading ${name}`)] : []));
      return again();
    },
    /** @param {string} key */
    has: (key) => items.has(key),
    /** Puts in one that is new, or has changed. @param {T} item */
    put(item) {
      late.set(how.keyOf(item), item);
      items.set(how.keyOf(item), item);
      show();
    },
    /** @param {string | null} key of the one that is looked at */
    choose(key) {
      chosen = key ?? "";
      show();
    },
    /** Puts the focus on a row. @param {string} key */
    focus(key) {
      const link = list.querySelector(`[data-key="${CSS.escape(key)}"] a`);
      // It may not be in the list, or not yet.
      const target = link ?? panel.querySelector("h1");
      if (target instanceof HTMLElement) target.focus();
    },
  };
}

/**
 * A list with the thing that is looked at beside it; on a narrow screen one of the two.
 * @param {HTMLElement} view
 * @param {Pick<ReturnType<typeof listing>, "panel" | "choose" | "focus">} listed
 * @param {AbortSignal} signal
 * @param {{wide: boolean, render: (side: HTMLElement, id: string | null, signal: AbortSignal) => void}} how
 * @returns {(id: string | null) => void} what is looked at
 */
export function split(view, listed, signal, { wide, render }) {
  const side = h("div", { class: "side" });
  const element = h("div", { class: wide ? "split wide" : "split" }, listed.panel, side);
  view.replaceChildren(element);
  /** @type {string | null} */
  let chosen = null;
  let leave = new AbortController();
  signal.addEventListener("abort", () => leave.abort());
  return (id) => {
    const before = chosen;
    chosen = id;
    leave.abort();
    leave = new AbortController();
    element.classList.toggle("has-detail", id !== null);
    render(side, id, leave.signal);
    listed.choose(id);
    if (id === null && before !== null) listed.focus(before);
  };
}
