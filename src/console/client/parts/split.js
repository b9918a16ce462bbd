import { h } from "./dom.js";

/**
 * Shows a list with the open row beside it. A narrow screen shows only the open row, or only the list.
 * @param {HTMLElement} view
 * @param {Pick<ReturnType<typeof import("./listing.js").listing>, "panel" | "filter" | "choose" | "focus">} listed
 * @param {AbortSignal} signal
 * @param {{wide: boolean, render: (side: HTMLElement, id: string | null, signal: AbortSignal) => void}} how
 * @returns {import("../console.js").Navigate}
 */
export function split(view, listed, signal, { wide, render }) {
  const side = h("div", { class: "side" });
  const element = h("div", { class: wide ? "split wide" : "split" }, listed.panel, side);
  view.replaceChildren(element);
  /** Undefined before anything is shown. @type {string | null | undefined} */
  let chosen;
  let leave = new AbortController();
  signal.addEventListener("abort", () => leave.abort());
  return ({ id, filters }) => {
    listed.filter(filters);
    if (id === chosen) return;
    const before = chosen;
    chosen = id;
    leave.abort();
    leave = new AbortController();
    element.classList.toggle("has-detail", id !== null);
    render(side, id, leave.signal);
    listed.choose(id);
    if (id === null && before) listed.focus(before);
  };
}
