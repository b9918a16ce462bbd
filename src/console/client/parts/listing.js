import { query } from "../state/api.js";
import { calmly } from "../state/live.js";
import { reading } from "../state/reading.js";
import { action, empty, loading } from "./controls.js";
import { h } from "./dom.js";
import { filterBar } from "./filters.js";
import { keptRows, markCurrent } from "./rows.js";
import { sinceOf } from "./spans.js";

/** A list that is loaded page by page, newest first, and kept up to date. */

const PAGE_SIZE = 50;
/** The API's own limit. */
const MAX_PAGE_SIZE = 100;
/** How many extra pages a reload may load if few rows match. */
const MAX_PAGES = 5;
/** The shortest time between two counts, because counting reads many more rows than loading a page. */
const COUNT_EVERY_MS = 4000;

/** @typedef {Record<string, string | null>} Chosen the filters by name; null filters nothing */

/**
 * @template T
 * @typedef {object} Page
 * @property {readonly T[]} items
 * @property {string | null} nextCursor
 * @property {import("./filters.js").Counts | undefined} [counts] the number of rows for each choice of the filters
 */

/**
 * @template T
 * @typedef {object} Listed
 * @property {string} name the heading, such as "Deliveries"
 * @property {readonly import("./dom.js").Child[]} tools shown beside the heading
 * @property {HTMLElement} [above] shown above the filters
 * @property {readonly import("./filters.js").Filter[]} filters
 * @property {readonly (readonly [head: string, style: string])[]} columns
 * @property {(search: string) => Promise<Page<T>>} load loads the page that a query string selects
 * @property {(item: T) => string} keyOf
 * @property {(item: T) => HTMLElement} row
 * @property {(item: T, chosen: Chosen) => boolean} wanted whether an item matches the filters
 * @property {(a: T, b: T) => number} [order] the API's order, to place new rows
 * @property {(counts: import("./filters.js").Counts, chosen: Chosen) => void} [counted] gets the counts for the filters
 * @property {() => readonly [string, string]} nothing the title and text to show if the list has no rows
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
  /** Items passed to `put` since the latest reload began: newer than the reloaded rows. @type {Map<string, T>} */
  let late = new Map();
  // The number of the latest reload. Answers to earlier reloads are dropped.
  let turn = 0;
  /** @type {Promise<unknown>} */
  let before = Promise.resolve();
  const name = how.name.toLowerCase();
  /** @type {Chosen} */
  let filters = {};
  const bar = filterBar(how.filters, openFirst);
  const table = h(
    "table",
    { class: `rows ${name}`, role: "table" },
    h("caption", { class: "hidden" }, how.name),
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        how.columns.map(([head, style]) => h("th", { role: "columnheader", class: style }, head)),
      ),
    ),
  );
  const note = h("div");
  const more = action(`Load older ${name}`, () => inTurn(older));
  more.classList.add("older");
  const panel = h(
    "section",
    { class: "panel list" },
    h("div", { class: "panel-head" }, h("h1", { tabindex: -1 }, how.name), how.tools),
    how.above,
    bar.element,
    table,
    note,
    more,
  );

  const rows = keptRows(table, how.keyOf, rowOf, how.order);
  /** The keys of rows that changed since they were drawn. @type {Set<string>} */
  const changed = new Set();

  /** @param {T} item */
  function rowOf(item) {
    const row = how.row(item);
    // The roles are set, because some browsers drop a table's roles when CSS changes its `display`.
    row.setAttribute("role", "row");
    for (const cell of row.children) cell.setAttribute("role", "cell");
    markCurrent(row, how.keyOf(item) === chosen);
    return row;
  }

  function show() {
    const wanted = [...items.values()].filter((item) => how.wanted(item, filters));
    if (how.order) wanted.sort(how.order);
    rows.set(wanted);
    changed.clear();
    showAround();
  }

  function showChanged() {
    const drawn = [...changed].flatMap((key) => items.get(key) ?? []);
    changed.clear();
    for (const item of drawn) {
      if (how.wanted(item, filters)) rows.put(item);
      else rows.remove(how.keyOf(item));
    }
    showAround();
  }

  function showAround() {
    more.hidden = cursor === null;
    table.hidden = rows.count === 0;
    if (!loaded) return;
    note.replaceChildren(...(rows.count === 0 ? [nothing()] : []));
  }

  function nothing() {
    const [title, text] = how.nothing();
    return bar.nothing(filters, name, cursor !== null) ?? empty(title, h("p", null, text));
  }

  let opensFirst = false;
  /** Opens the first row: now if the list is loaded, else as soon as it is loaded. */
  function openFirst() {
    opensFirst = !loaded;
    const first = loaded ? table.querySelector("tbody .row-link") : null;
    if (first instanceof HTMLElement) first.click();
  }

  /**
   * Starts `work` when earlier work has ended: older rows that are loaded during a reload would not fit the new list.
   * @param {() => Promise<void>} work
   */
  function inTurn(work) {
    const mine = before.then(work);
    before = mine.catch(() => {});
    return mine;
  }

  /**
   * @param {number} limit @param {string | null} cursor
   * @param {boolean} [counts] whether the answer includes the number of rows for each choice
   */
  const load = (limit, cursor, counts) =>
    how.load(
      query({
        ...filters,
        since: sinceOf(filters["since"]),
        limit,
        cursor,
        counts: counts ? "true" : null,
      }),
    );

  /** Reads the counts again after changes. A failure is ignored, because reloads of the list report an outage. */
  async function recount() {
    if (signal.aborted) return;
    const mine = JSON.stringify(filters);
    const { counts } = await load(1, null, true).catch(() => ({ counts: undefined }));
    if (counts && mine === JSON.stringify(filters) && !signal.aborted) showCounts(counts);
  }

  /** @param {import("./filters.js").Counts} counts */
  function showCounts(counts) {
    bar.count(counts);
    how.counted?.(counts, filters);
  }

  /** Reloads as many rows as are loaded now, but at least one page. */
  async function read() {
    turn += 1;
    const mine = turn;
    late = new Map();
    /** @type {Map<string, T>} */
    const fresh = new Map();
    const count = Math.max(PAGE_SIZE, items.size);
    /** @type {string | null} */
    let next = null;
    let pages = 0;
    try {
      do {
        pages += 1;
        // The first page after a change of the filters includes the counts. Later, `recount` reads the counts.
        const counted = !loaded && pages === 1;
        const page = await load(Math.min(MAX_PAGE_SIZE, count - fresh.size), next, counted);
        if (signal.aborted || mine !== turn) return;
        if (page.counts) showCounts(page.counts);
        for (const item of page.items) fresh.set(how.keyOf(item), item);
        next = page.nextCursor;
      } while (next !== null && fresh.size < count && pages < MAX_PAGES + count / MAX_PAGE_SIZE);
    } catch (error) {
      if (mine !== turn) return;
      throw error;
    }
    // A list without `order` cannot place a changed row that the reload did not return, so the row is dropped.
    const changed = [...late].filter(([key]) => how.order || fresh.has(key));
    items = new Map([...fresh, ...changed]);
    cursor = next;
    loaded = true;
    show();
    if (opensFirst) openFirst();
  }

  async function older() {
    if (cursor === null) return;
    const mine = turn;
    const page = await load(PAGE_SIZE, cursor);
    if (signal.aborted || mine !== turn) return;
    for (const item of page.items) {
      if (!late.has(how.keyOf(item))) items.set(how.keyOf(item), item);
      changed.add(how.keyOf(item));
    }
    cursor = page.nextCursor;
    const held = document.activeElement === more;
    showChanged();
    // Once the last page is loaded, "Load older …" is hidden, so the focus moves to the last row.
    const last = rows.last()?.querySelector(".row-link");
    if (held && more.hidden && last instanceof HTMLElement) last.focus({ preventScroll: true });
  }

  // In a storm, many rows change within a second. They are drawn at most ten times a second.
  const showSoon = calmly(async () => showChanged(), 100);
  const countSoon = calmly(recount, COUNT_EVERY_MS);
  const again = reading(read, signal, { isShown: () => loaded, place: note });
  more.hidden = true;
  table.hidden = true;
  note.replaceChildren(loading(`Loading ${name}`));
  let isOpen = false;
  return {
    panel,
    /** Reloads the list without showing progress. */
    reload() {
      if (loaded) countSoon();
      return inTurn(again);
    },
    /**
     * Applies the filters in the address. Loaded rows that match are shown at once, further rows when they arrive.
     * @param {URLSearchParams} params
     */
    filter(params) {
      const before = JSON.stringify(filters);
      filters = bar.show(params);
      if (isOpen && JSON.stringify(filters) === before) return;
      isOpen = true;
      opensFirst = false;
      items = new Map([...items].filter(([, item]) => how.wanted(item, filters)));
      cursor = null;
      loaded = false;
      show();
      note.replaceChildren(...(rows.count === 0 ? [loading(`Loading ${name}`)] : []));
      void again();
    },
    /** @param {string} key */
    has: (key) => items.has(key),
    /** Inserts a new or changed row. @param {T} item */
    put(item) {
      if (!isOpen) return;
      late.set(how.keyOf(item), item);
      items.set(how.keyOf(item), item);
      changed.add(how.keyOf(item));
      showSoon();
      countSoon();
    },
    /** @param {string | null} key the key of the open row */
    choose(key) {
      markCurrent(rows.find(chosen), false);
      chosen = key ?? "";
      markCurrent(rows.find(chosen), true);
    },
    /** @param {string} key */
    focus(key) {
      const link = rows.find(key)?.querySelector(".row-link");
      // If the list lacks the row, or has not loaded it yet, the heading gets the focus.
      const target = link ?? panel.querySelector("h1");
      if (target instanceof HTMLElement) target.focus();
    },
  };
}
