import { entry, h } from "./dom.js";

/** Times, names and states as text. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const full = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});

/**
 * @param {number} ms
 * @returns {string} such as "3 min"
 */
export function duration(ms) {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.round(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.round(ms / HOUR)} h`;
  return `${Math.round(ms / DAY)} days`;
}

/** @param {string} iso */
function relative(iso) {
  const ms = Date.now() - Date.parse(iso);
  if (Number.isNaN(ms)) return iso;
  if (Math.abs(ms) < 5 * SECOND) return "just now";
  const text = Math.abs(ms) < MINUTE ? `${Math.round(Math.abs(ms) / SECOND)} s` : duration(Math.abs(ms));
  return ms > 0 ? `${text} ago` : `in ${text}`;
}

/** @param {string} iso @returns {string} with its zone, such as "26 Nov 2026, 12:51:22 UTC" */
export const absolute = (iso) => (Number.isNaN(Date.parse(iso)) ? iso : full.format(new Date(iso)));

const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
/** Converts the times in a sentence to the reader's own time zone. @param {string} text */
export const readable = (text) => text.replace(ISO, absolute);

/**
 * Shows how long ago a time was. `refreshTimes` keeps this text up to date. A click, a touch or hovering shows the full
 * time with its zone.
 * @param {string | null} iso
 * @param {string} [never] shown if there is no time
 */
export function when(iso, never = "never") {
  if (iso === null) return h("span", { class: "muted" }, never);
  return h("time", { datetime: iso, title: absolute(iso), "data-relative": true }, relative(iso));
}

/**
 * How long ago a time was, with the full time beside it.
 * @param {string | null} iso
 * @param {string} [never]
 */
export function moment(iso, never) {
  if (iso === null) return when(iso, never);
  return h("span", { class: "moment" }, when(iso), " ", h("span", { class: "muted" }, `(${absolute(iso)})`));
}

/**
 * Updates the times that `when` created. Skips blocks of rows that are out of sight: `refreshTimesInSight` updates the
 * times of such a block when the block comes into sight.
 */
export function refreshTimes(within = document.documentElement) {
  for (const time of within.querySelectorAll("time[data-relative]:not([data-skipped] *)")) {
    const text = relative(time.getAttribute("datetime") ?? "");
    if (time.textContent !== text) time.textContent = text;
  }
}

/** Updates the times in a block of a long list when the block comes into sight. */
export function refreshTimesInSight() {
  document.addEventListener("contentvisibilityautostatechange", (event) => {
    const { target } = event;
    if (!(target instanceof HTMLElement)) return;
    const isSkipped = "skipped" in event && event.skipped === true;
    target.toggleAttribute("data-skipped", isSkipped);
    if (!isSkipped) refreshTimes(target);
  });
}

/** Each touch on a time switches its text between "5 min ago" and the full time. */
export function showTimesOnTouch() {
  document.addEventListener("click", ({ target }) => {
    const time = target instanceof Element ? target.closest("time") : null;
    if (!time || time.closest("a")) return;
    const iso = time.getAttribute("datetime") ?? "";
    time.textContent = time.toggleAttribute("data-relative") ? relative(iso) : absolute(iso);
  });
}

/** @param {string} text `status_changed` → "Status changed" */
export function words(text) {
  const spaced = text.replace(/[_.]+/g, " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** A name or an address that can break after each `.`, `_` and `@`. @param {string} name */
export const dotted = (name) =>
  name.split(/(?<=[._@])/).flatMap((part, index) => (index === 0 ? [part] : [h("wbr"), part]));

const number = new Intl.NumberFormat("en-GB");

/**
 * @param {number} count
 * @param {boolean} more whether there may be more than `count`
 * @returns {string} "1,042" for 1042; with `more`, "1,000+" for 1042 and "42+" for 42
 */
export function countOf(count, more) {
  if (!more) return number.format(count);
  return `${number.format(count < 100 ? count : Math.floor(count / 100) * 100)}+`;
}

/** @param {string | null} number @param {string} incidentId shown while the number is unknown */
export const numberOf = (number, incidentId) =>
  number === null || number === incidentId ? incidentId : `#${number}`;

/**
 * A small coloured label. The text alone must say everything that the colour says.
 * @param {"ok" | "warn" | "bad" | "info" | "quiet"} tone
 * @param {string} text
 */
export const pill = (tone, text) => h("span", { class: `pill ${tone}` }, text);

/** Shows a severity as a shape, a colour and a word. @param {string} severity */
export const severityMark = (severity) => h("span", { class: `severity ${severity}` }, words(severity));

const STATUSES = { triggered: "triggered", acknowledged: "acknowledged", resolved: "resolved" };

/**
 * Shows PagerDuty's status as a shape and a word, without a colour, because colours show severities.
 * @param {string} status
 */
export const statusMark = (status) =>
  h("span", { class: `status ${entry(STATUSES, status) ?? ""}` }, words(status));
