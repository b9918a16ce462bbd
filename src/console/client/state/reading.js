import { action, showFailure } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { Refusal } from "./api.js";
import { isOver, keepAsking, onOver, signedOut } from "./live.js";

/**
 * Reads the data of a page. If the first read fails, the error is shown in place of the content. If a later read fails,
 * the content stays. During an outage, a banner above the page says how old the content is.
 */

/** @typedef {{again: () => Promise<void>, goodAtMs: number}} Reading */

const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const precise = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** The reads whose latest attempt failed because of an outage. @type {Set<Reading>} */
const unread = new Set();
/** The reads in `unread` whose previous answer is still shown. @type {Set<Reading>} */
const stale = new Set();
const text = h("p");
const retry = action("Try again", async () => {
  await Promise.all([...stale].map(({ again }) => again()));
  if (stale.size > 0)
    text.textContent = `${said()} Tried again at ${precise.format(Date.now())}: still not reached.`;
});

function said() {
  const goodAtMs = Math.min(...[...stale].map((one) => one.goodAtMs));
  return `The connector cannot be reached. What you see is as of ${clock.format(goodAtMs)}.`;
}

function showBanner() {
  const banner = document.getElementById("outage");
  if (!banner) return;
  if (stale.size === 0) {
    text.textContent = "";
    // The button is removed, so the focus has to move.
    if (banner.contains(document.activeElement)) {
      document.getElementById("main")?.focus({ preventScroll: true });
    }
    banner.replaceChildren();
    return;
  }
  // Does not set the same text again, because a screen reader announces each change.
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
  // If the sign-in is over, Cloudflare Access redirects (`signed_out`), or the connector answers 403.
  error instanceof Refusal && (error.code === "signed_out" || error.status === 403);

/**
 * Whether the error means an outage of the connector: no answer, a 429 or a 5xx.
 * @param {unknown} error
 */
const isOutage = (error) =>
  error instanceof Refusal &&
  !isSignedOut(error) &&
  (error.status === 0 || error.status === 429 || error.status >= 500);

/**
 * @param {() => Promise<unknown>} read reads from the API, and shows the answer
 * @param {AbortSignal} signal aborted when the page is left
 * @param {{isShown: () => boolean, place: HTMLElement | null}} [first] `place` shows the error until a read has
 * succeeded
 * @returns {() => Promise<void>} reads again; if the read fails, shows the error
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
