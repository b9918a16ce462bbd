import { place, setFilters } from "../state/address.js";
import { action, empty, segments, uniqueId } from "./controls.js";
import { entry, h } from "./dom.js";
import { countOf } from "./words.js";

/** The filters of a list. They are in the address, so links and the Back button restore them. */

/**
 * @typedef {object} Filter
 * @property {string} name in the address and in the API
 * @property {string} label
 * @property {"search" | "choice" | "segments"} kind
 * @property {readonly (readonly [value: string, label: string])[]} [choices] the first choice filters nothing
 * @property {string} [placeholder]
 */

/** @typedef {NonNullable<import("../../../contract/answers.ts").Counts>} Counts by filter, then by choice */
/** @typedef {Counts[string]} ChoiceCounts */

/** The time from the last typed letter to the start of the search. */
const TYPING_MS = 250;

/**
 * @typedef {object} Control
 * @property {HTMLElement} element
 * @property {(value: string) => void} show
 * @property {(counts: ChoiceCounts) => void} [count] shows the number of rows for each choice
 */

/**
 * @param {ChoiceCounts[string] | undefined} counted
 * @returns {string} such as "5,000+"; empty if the count is not known
 */
function countText(counted) {
  if (!counted || (counted.more && counted.count === 0)) return "";
  return countOf(counted.count, counted.more);
}

/** @param {Filter} filter @param {() => void} onEnter @returns {Control} */
function controlOf({ name, label, kind, choices = [], placeholder }, onEnter) {
  if (kind === "segments") {
    const row = segments(choices, (value) => changed(name, value, "push"), label);
    return { element: row.element, show: row.choose, count: (counts) => countButtons(row.element, counts) };
  }
  const id = uniqueId(name);
  if (kind === "choice") {
    const select = h("select", { id, "aria-label": label });
    /** @param {string} value */
    const show = (value) => {
      // The address can name a value that no choice has. That value becomes a choice.
      addChoices(select, [[value, value]]);
      select.value = value;
    };
    addChoices(select, choices);
    select.addEventListener("change", () => changed(name, select.value, "push"));
    return { element: select, show, count: (counts) => countOptions(select, counts) };
  }
  const input = h("input", { id, type: "search", placeholder, autocomplete: "off", "aria-label": label });
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(search, TYPING_MS);
  });
  function search() {
    clearTimeout(timer);
    changed(name, input.value.trim(), "replace");
  }
  input.addEventListener("keydown", ({ key, isComposing }) => {
    if (key !== "Enter" || isComposing) return;
    search();
    onEnter();
  });
  return {
    element: input,
    show: (value) => {
      // Does not replace the text that is being typed.
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
    if (!known.has(value)) select.append(h("option", { value, "data-label": label }, label));
  }
}

/**
 * Shows the count of each choice. If `counts` has a choice that the select lacks, such as a service, adds the choice.
 * @param {HTMLSelectElement} select
 * @param {ChoiceCounts} counts
 */
function countOptions(select, counts) {
  addChoices(
    select,
    Object.keys(counts).map((value) => [value, value]),
  );
  for (const option of select.options) {
    const text = countText(entry(counts, option.value));
    const label = `${option.dataset["label"]}${text && ` (${text})`}`;
    if (option.textContent !== label) option.textContent = label;
  }
}

/** @param {HTMLElement} row @param {ChoiceCounts} counts */
function countButtons(row, counts) {
  for (const button of row.querySelectorAll("button")) {
    const text = countText(entry(counts, button.dataset["value"]));
    const shown = button.querySelector(".count");
    if (shown?.textContent === text) continue;
    shown?.remove();
    if (text) button.append(" ", h("span", { class: "count" }, text));
  }
}

/** @param {string} name @param {string} value @param {"push" | "replace"} how */
const changed = (name, value, how) =>
  setFilters({ ...Object.fromEntries(place().filters), [name]: value }, how);

/** The text for a chosen filter, such as "Severity: Critical". @param {Filter} filter @param {string} value */
function shownAs({ label, kind, placeholder, choices = [] }, value) {
  if (kind === "search") return `“${value}” in ${(placeholder ?? label).toLowerCase()}`;
  return `${label}: ${choices.find(([choice]) => choice === value)?.[1] ?? value}`;
}

/** @param {readonly Filter[]} filters @param {() => void} onEnter called after Enter in the search box */
export function filterBar(filters, onEnter) {
  const controls = new Map(filters.map((filter) => [filter.name, controlOf(filter, onEnter)]));
  const element = h(
    "div",
    { class: "filters", role: "search" },
    [...controls.values()].map((control) => control.element),
  );
  return {
    element,
    /**
     * Shows the address's filters in the controls.
     * @param {URLSearchParams} params
     * @returns {Record<string, string | null>} the parameters for the API
     */
    show(params) {
      for (const [name, control] of controls) control.show(params.get(name) ?? "");
      return Object.fromEntries(filters.map(({ name }) => [name, params.get(name) || null]));
    },
    /**
     * Creates the message for a list in which no row matches; null if nothing is filtered.
     * @param {Record<string, string | null>} chosen
     * @param {string} rows such as "incidents"
     * @param {boolean} hasOlder whether older rows were not searched
     */
    nothing(chosen, rows, hasOlder) {
      const chosenTexts = filters.flatMap((filter) => {
        const value = chosen[filter.name];
        return value ? [shownAs(filter, value)] : [];
      });
      if (chosenTexts.length === 0) return null;
      const older = hasOlder ? ` Load older ${rows} to look further.` : "";
      const clear = action("Clear filters", async () => setFilters({}, "push"));
      return empty(`No ${rows} match`, h("p", null, `Searched: ${chosenTexts.join("; ")}.${older}`), clear);
    },
    /** @param {Counts} counts */
    count(counts) {
      for (const [name, control] of controls) control.count?.(entry(counts, name) ?? {});
    },
  };
}
