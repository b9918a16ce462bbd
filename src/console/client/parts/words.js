import { entry, h } from "./dom.js";

/** Times, names and states, in words. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

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

/**
 * How long ago, kept right; the full time on hover and for machines.
 * @param {string | null} iso
 * @param {string} [never] said where there is no time
 */
export function when(iso, never = "never") {
  if (iso === null) return h("span", { class: "muted" }, never);
  const known = !Number.isNaN(Date.parse(iso));
  const title = known ? full.format(new Date(iso)) : iso;
  return h("time", { datetime: iso, title, "data-relative": true }, relative(iso));
}

/** Brings every `when` on the page up to date. */
export function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const text = relative(time.getAttribute("datetime") ?? "");
    if (time.textContent !== text) time.textContent = text;
  }
}

/** @param {string} text `status_changed` → "Status changed" */
export function words(text) {
  const spaced = text.replace(/[_.]+/g, " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/**
 * A small coloured label. Colour is never all that tells.
 * @param {"ok" | "warn" | "bad" | "info" | "quiet"} tone
 * @param {string} text
 */
export const pill = (tone, text) => h("span", { class: `pill ${tone}` }, text);

/** @param {string} severity */
export const severityPill = (severity) => h("span", { class: `severity ${severity}` }, words(severity));

/** @param {string} status PagerDuty's */
export function statusPill(status) {
  /** @type {Record<string, "ok" | "warn" | "bad">} */
  const tones = { resolved: "ok", acknowledged: "warn", triggered: "bad" };
  return pill(entry(tones, status) ?? "info", words(status));
}
