import { h } from "./dom.js";

/**
 * The rows of a list. A changed item redraws only its own row, and the focus stays where it is. A table's rows are
 * divided into blocks, because a browser lays out only the blocks in sight.
 */

/**
 * If the last block has 25 rows or more, a row added at the end of the list starts a new block. A block with 50 rows is
 * split before a row is inserted into it.
 */
const BLOCK_ROWS = 25;

/** @param {Element | undefined} row */
function focusIn(row) {
  const target = row?.querySelector(".row-link, a, button");
  if (target instanceof HTMLElement) target.focus({ preventScroll: true });
}

/** Moves only the elements that are not in their place. @param {Element} parent @param {readonly Element[]} children */
function arrange(parent, children) {
  let place = parent.firstElementChild;
  for (const child of children) {
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/**
 * @template T
 * @param {Element} list a table, or the parent of the rows
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} build
 * @param {(a: T, b: T) => number} [order] finds the place of a new row; without `order`, a new row goes to the end
 */
export function keptRows(list, keyOf, build, order) {
  /** @typedef {{item: T, stamp: string, row: HTMLElement}} Entry */
  /** All entries, in the order of the rows. @type {Entry[]} */
  let entries = [];
  /** @type {Map<string, Entry>} */
  let known = new Map();

  /** Returns the known entry if the item is unchanged, else an entry with a new row. @param {T} item @returns {Entry} */
  function entryOf(item) {
    const key = keyOf(item);
    const stamp = JSON.stringify(item);
    const before = known.get(key);
    if (before?.stamp === stamp) return before;
    const row = build(item);
    row.dataset["key"] = key;
    return { item, stamp, row };
  }

  /** @param {T} item */
  function placeOf(item) {
    if (!order) return entries.length;
    let [low, high] = [0, entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = entries[middle];
      if (entry && order(entry.item, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The blocks of a table; null if the list is not a table. */
  const blocks = () => (list instanceof HTMLTableElement ? [...list.tBodies] : null);
  const newBlock = () => h("tbody", { role: "rowgroup" });

  /**
   * @param {HTMLElement} row
   * @param {HTMLElement | undefined} next `row` is inserted before this row; undefined: at the end
   */
  function insert(row, next) {
    const parent = next ? next.parentElement : (blocks() ?? [list]).at(-1);
    if (parent && parent.childElementCount >= BLOCK_ROWS && parent !== list) {
      if (!next) return list.appendChild(newBlock()).append(row);
      if (parent.childElementCount >= 2 * BLOCK_ROWS) split(parent);
    }
    const place = next ? next.parentElement : (parent ?? list.appendChild(newBlock()));
    place?.insertBefore(row, next ?? null);
  }

  /** @param {Element} block */
  function split(block) {
    const first = newBlock();
    block.before(first);
    first.append(...[...block.children].slice(0, BLOCK_ROWS));
  }

  /** @param {HTMLElement} row */
  function takeOut(row) {
    const parent = row.parentElement;
    row.remove();
    if (parent && parent !== list && parent.childElementCount === 0) parent.remove();
  }

  /**
   * Keeps the focus while `work` moves rows. If the focused row is redrawn, its new row gets the focus. If the focused
   * row is removed, the next row gets the focus.
   * @param {() => void} work
   */
  function keepingFocus(work) {
    const held = document.activeElement;
    const heldAt = list.contains(held) ? entries.findIndex(({ row }) => row.contains(held)) : -1;
    const heldKey = entries[heldAt]?.row.dataset["key"] ?? "";
    work();
    if (heldAt === -1 || document.activeElement === held) return;
    if (held instanceof HTMLElement && list.contains(held)) held.focus({ preventScroll: true });
    else focusIn(known.get(heldKey)?.row ?? entries[Math.min(heldAt, entries.length - 1)]?.row);
  }

  return {
    get count() {
      return entries.length;
    },
    /** @param {string} key */
    find: (key) => known.get(key)?.row,
    last: () => entries.at(-1)?.row,
    /** Inserts the item's row, or replaces the row if the item has changed. @param {T} item */
    put(item) {
      const key = keyOf(item);
      const before = known.get(key);
      const entry = entryOf(item);
      if (entry === before) return;
      keepingFocus(() => {
        const index = before ? entries.indexOf(before) : -1;
        known.set(key, entry);
        if (before && (!order || order(before.item, item) === 0)) {
          entries[index] = entry;
          before.row.replaceWith(entry.row);
          return;
        }
        if (before) {
          entries.splice(index, 1);
          takeOut(before.row);
        }
        const place = placeOf(item);
        insert(entry.row, entries[place]?.row);
        entries.splice(place, 0, entry);
      });
    },
    /** @param {string} key */
    remove(key) {
      const entry = known.get(key);
      if (!entry) return;
      keepingFocus(() => {
        entries.splice(entries.indexOf(entry), 1);
        known.delete(key);
        takeOut(entry.row);
      });
    },
    /** Shows exactly these items, in this order. @param {readonly T[]} items */
    set(items) {
      keepingFocus(() => {
        const next = items.map(entryOf);
        const rows = next.map(({ row }) => row);
        const stay = new Set(rows);
        for (const { row } of entries) if (!stay.has(row)) takeOut(row);
        entries = next;
        known = new Map(next.map((entry) => [keyOf(entry.item), entry]));
        const places = blocks();
        if (!places) return arrange(list, rows);
        for (let first = 0; first < rows.length; first += BLOCK_ROWS) {
          arrange(places.shift() ?? list.appendChild(newBlock()), rows.slice(first, first + BLOCK_ROWS));
        }
        // The blocks left in `places` are empty, because their rows have moved into earlier blocks.
        for (const place of places) place.remove();
      });
    },
  };
}

/**
 * Marks the row of the item that is open beside the list.
 * @param {HTMLElement | undefined} row
 * @param {boolean} isCurrent
 */
export function markCurrent(row, isCurrent) {
  row?.classList.toggle("current", isCurrent);
  const link = row?.querySelector(".row-link");
  if (isCurrent) link?.setAttribute("aria-current", "true");
  else link?.removeAttribute("aria-current");
}
