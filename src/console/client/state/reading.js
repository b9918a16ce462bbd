import { action, showFailure } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { Refusal } from "./api.js";
import { isOver, keepAsking, onOver, signedOut } from "./live.js";

/**
 * Reads of the API whose answer a page shows. If the first read fails, the error replaces the content. If a later one
 * fails, the content stays, and a banner above the page says how old it is.
 */

/** @typedef {{again: () => Promise<void>, goodAtMs: number}} Reading */

const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const precise = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** Reads that failed the last time. @type {Set<Reading>} */
const unread = new Set();
/** Failed reads whose earlier answer is shown. @type {Set<Reading>} */
const stale = new Set();
const text = h("p");
const retry = action("Try again", async () => {
  await Promise.all([...stale].map(({ again }) => again()));
  if (stale.size > 0)
    text.textContent = `${said()} Tried again at ${precise.format(Date.now())}: still not reached.`;
});

/** The text of the banner. */
function said() {
  const goodAtMs = Math.min(...[...stale].map((one) => one.goodAtMs));
  return `The connector cannot be reached. What you see is as of ${clock.format(goodAtMs)}.`;
}

function showBanner() {
  const banner = document.getElementById("outage");
  if (!banner) return;
  if (stale.size === 0) {
    text.textContent = "";
    // The button goes by itself, and the focus with it.
    if (banner.contains(document.activeElement)) {
      document.getElementById("main")?.focus({ preventScroll: true });
    }
    banner.replaceChildren();
    return;
  }
  // Said once: a screen reader reads out what changes here.
  if (!text.textContent?.startsWith(said())) text.textContent = said();
  if (!banner.contains(text)) banner.replaceChildren(text, retry);
}

/**
 * @template T
 * @param {Set<T>} set
 * @param {T} one
 * @param {boolean} isIn
 */
function put(set, one, isIn) {
  if (isIn) set.add(one);
  else set.delete(one);
}

/** @param {unknown} error */
const isSignedOut = (error) =>
  // Access sends a script to its sign-in page, and the connector knows no visitor without it.
  error instanceof Refusal && (error.code === "signed_out" || error.status === 403);

/** Whether trying again may help: a call that is refused for what it asks is answered. @param {unknown} error */
const isOutage = (error) =>
  error instanceof Refusal &&
  !isSignedOut(error) &&
  (error.status === 0 || error.status === 429 || error.status >= 500);

/**
 * @param {() => Promise<unknown>} read reads and shows
 * @param {AbortSignal} signal aborted when the page is left
 * @param {{isShown: () => boolean, place: HTMLElement | null}} [first] where the first failure is shown
 * @returns {() => Promise<void>} reads again; shows its failures itself
 */
export function reading(read, signal, { isShown, place } = { isShown: () => true, place: null }) {
  /** @type {Reading} */
  const one = { again, goodAtMs: Date.now() };
  /** @param {unknown} [error] */
  function mark(error) {
    const missing = isOutage(error) && !isOver();
    put(unread, one, missing);
    put(stale, one, missing && isShown());
    keepAsking(unread.size > 0);
    showBanner();
  }
  async function again() {
    try {
      await read();
      one.goodAtMs = Date.now();
      mark();
    } catch (error) {
      if (signal.aborted) return;
      if (isSignedOut(error)) signedOut();
      mark(error);
      if (!isShown() && place) showFailure(place, error, again);
      else if (!(error instanceof Refusal)) throw error;
    }
  }
  signal.addEventListener("abort", () => mark());
  return again;
}

onOver(() => {
  unread.clear();
  stale.clear();
  showBanner();
});
