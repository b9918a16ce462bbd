import { openDialog } from "./controls.js";
import { h } from "./dom.js";

/** The console's keyboard shortcuts. */

/** @type {readonly (readonly [string, string])[]} */
const KEYS = [
  ["/", "Search the list"],
  ["↓", "From the search box to the first row"],
  ["j", "Next row"],
  ["k", "Previous row"],
  ["Enter", "Open the row; in the search box, the first hit"],
  ["Esc", "Leave the search box; back to the list"],
  ["?", "Show these keys"],
];

function showKeys() {
  if (document.querySelector("dialog[open]")) return;
  const list = h(
    "dl",
    { class: "keys" },
    KEYS.map(([key, text]) => h("div", null, h("dt", null, h("kbd", null, key)), h("dd", null, text))),
  );
  openDialog("Keyboard", list, [["Close", "", "plain"]]);
}

const rowLinks = () =>
  [...document.querySelectorAll("tbody .row-link")].filter((link) => link.checkVisibility());

/** @param {1 | -1} step */
function move(step) {
  const links = rowLinks();
  const now = links.findIndex((link) => link.closest("tr")?.contains(document.activeElement));
  const open = links.findIndex((link) => link.hasAttribute("aria-current"));
  const from = now === -1 ? open : now;
  const next = links[from === -1 ? 0 : from + step];
  if (next instanceof HTMLElement) next.focus();
}

function back() {
  const link = document.querySelector("a.back");
  if (link instanceof HTMLElement) link.click();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const { target, key } = event;
  const typing = target instanceof HTMLElement && target.matches("input, select, textarea");
  if (typing) {
    if (key === "Escape") target.blur();
    const [first] = rowLinks();
    if (key === "ArrowDown" && target.matches("[type=search]") && first instanceof HTMLElement) {
      event.preventDefault();
      first.focus();
    }
    return;
  }
  /** @type {Record<string, () => void>} */
  const actions = {
    "/": () => {
      const search = document.querySelector(".filters input, .filters select");
      if (search instanceof HTMLElement) search.focus();
    },
    j: () => move(1),
    k: () => move(-1),
    Escape: back,
    "?": showKeys,
  };
  if (!Object.hasOwn(actions, key)) return;
  event.preventDefault();
  actions[key]?.();
}

export function listenForKeys() {
  document.addEventListener("keydown", onKey);
  document.getElementById("keys")?.addEventListener("click", showKeys);
}
