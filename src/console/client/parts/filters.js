import { place, setFilters } from "../state/address.js";
import { segments, uniqueId } from "./controls.js";
import { h } from "./dom.js";

/** The filters of a list. They are in the address, so links and the Back button restore them. */

/**
 * @typedef {object} Filter
 * @property {string} name in the address and in the API
 * @property {string} label
 * @property {"search" | "choice" | "segments"} kind
 * @property {readonly (readonly [value: string, label: string])[]} [choices] the first one filters nothing
 * @property {string} [placeholder]
 */

/** How long after the last letter the search starts. */
const TYPING_MS = 250;

/**
 * @typedef {object} Control
 * @property {HTMLElement} element
 * @property {(value: string) => void} show
 * @property {(choices: readonly (readonly [string, string])[]) => void} [add]
 */

/** @param {Filter} filter @returns {Control} */
function controlOf({ name, label, kind, choices = [], placeholder }) {
  if (kind === "segments") {
    const row = segments(choices, (value) => changed(name, value, "push"), label);
    return { element: row.element, show: row.choose };
  }
  const id = uniqueId(name);
  if (kind === "choice") {
    const select = h("select", { id, "aria-label": label });
    /** @param {string} value */
    const show = (value) => {
      // A value from the address is offered even if it is not among the choices.
      if (![...select.options].some((option) => option.value === value)) {
        select.append(h("option", { value }, value));
      }
      select.value = value;
    };
    addChoices(select, choices);
    select.addEventListener("change", () => changed(name, select.value, "push"));
    return { element: select, show, add: (more) => addChoices(select, more) };
  }
  const input = h("input", { id, type: "search", placeholder, autocomplete: "off", "aria-label": label });
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => changed(name, input.value.trim(), "replace"), TYPING_MS);
  });
  return {
    element: input,
    show: (value) => {
      // Keeps the text that is being typed.
      if (input.value.trim() !== value && document.activeElement !== input) input.value = value;
    },
  };
}

/**
 * @param {HTMLSelectElement} select
 * @param {readonly (readonly [string, string])[]} choices
 */
function addChoices(select, choices) {
  const known = new Set([...select.options].map(({ value }) => value));
  for (const [value, label] of choices) {
    if (!known.has(value)) select.append(h("option", { value }, label));
  }
}

/** @param {string} name @param {string} value @param {"push" | "replace"} how */
const changed = (name, value, how) =>
  setFilters({ ...Object.fromEntries(place().filters), [name]: value }, how);

/** @param {readonly Filter[]} filters */
export function filterBar(filters) {
  const controls = new Map(filters.map((filter) => [filter.name, controlOf(filter)]));
  const element = h(
    "div",
    { class: "filters", role: "search" },
    [...controls.values()].map((control) => control.element),
  );
  return {
    element,
    /**
     * Shows the filters in the address.
     * @param {URLSearchParams} params
     * @returns {Record<string, string | null>} what the API is asked for
     */
    show(params) {
      for (const [name, control] of controls) control.show(params.get(name) ?? "");
      return Object.fromEntries(filters.map(({ name }) => [name, params.get(name) || null]));
    },
    /**
     * Offers more choices of a filter.
     * @param {string} name
     * @param {readonly (readonly [string, string])[]} choices
     */
    offer: (name, choices) => controls.get(name)?.add?.(choices),
  };
}
