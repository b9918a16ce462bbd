import { renderConnect } from "./pages/connect.js";
import { mountConnection } from "./pages/connection.js";
import { mountDeliveries } from "./pages/deliveries.js";
import { mountEvents } from "./pages/events.js";
import { healthTiles, problemList } from "./pages/health.js";
import { mountIncidents } from "./pages/incidents.js";
import { report, takeResult } from "./pages/oauth.js";
import { h } from "./parts/dom.js";
import { listenForKeys } from "./parts/keyboard.js";
import { refreshTimes, refreshTimesInSight, showTimesOnTouch } from "./parts/words.js";
import { keepFilters, place } from "./state/address.js";
import { calmly, isOver, onLive, watch } from "./state/live.js";
import { reading } from "./state/reading.js";
import { onStatus, refreshStatus, status } from "./state/store.js";

/** The console: shows the page that the address names, and the connection's health above it. */

/**
 * @typedef {(to: Pick<import("./state/address.js").Place, "id" | "filters">) => void} Navigate shows the part of the
 * page that the address names
 */
/** @typedef {(view: HTMLElement, signal: AbortSignal) => Navigate} Mount */

/** @type {Record<string, Mount>} */
const SECTIONS = {
  incidents: mountIncidents,
  events: mountEvents,
  deliveries: mountDeliveries,
  connection: mountConnection,
};

/** The target of "Skip to content". */
const SKIP = "#main";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const tabs = /** @type {HTMLElement} */ (document.getElementById("tabs"));
const tiles = h("dl", { class: "tiles" });
const problems = problemList();
const view = h("div", { class: "view" });
const health = h("section", { "aria-label": "Health" }, tiles, problems.element);

let section = "";
let leave = new AbortController();
/** @type {Navigate} */
let navigate = () => {};

function route() {
  if (!status()?.connected) return;
  // "Skip to content" must not change the address, which names the open page.
  if (location.hash === SKIP && section !== "") return;
  const { section: name, id, filters } = place();
  const wanted = Object.hasOwn(SECTIONS, name) ? name : "incidents";
  if (wanted !== section) {
    leave.abort();
    leave = new AbortController();
    section = wanted;
    for (const tab of tabs.querySelectorAll("a")) {
      if (tab.dataset["section"] === wanted) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    document.title = `${wanted.charAt(0).toUpperCase()}${wanted.slice(1)} · Aurora × PagerDuty`;
    navigate = SECTIONS[wanted]?.(view, leave.signal) ?? (() => {});
  }
  navigate({ id, filters });
}

function showStatus() {
  const now = status();
  if (!now) return;
  main.removeAttribute("aria-busy");
  tabs.hidden = !now.connected;
  if (!now.connected) {
    leave.abort();
    section = "";
    history.replaceState(null, "", location.pathname);
    document.title = "Connect · Aurora × PagerDuty";
    // The form is not drawn again, so that typed text is kept.
    if (!main.querySelector(".welcome")) renderConnect(main, now);
    return;
  }
  tiles.replaceChildren(...healthTiles(now));
  problems.set(now.problems);
  if (!main.contains(view)) {
    const held = main.contains(document.activeElement);
    main.replaceChildren(health, view);
    // The focused element was removed, so the focus has to move.
    if (held) main.focus({ preventScroll: true });
    route();
  }
}

const forever = new AbortController().signal;
const read = reading(refreshStatus, forever, { isShown: () => status() !== null, place: main });
const again = calmly(read);
onStatus(showStatus);
onLive("status", again, forever);
onLive("delivery", again, forever);
window.addEventListener("hashchange", route);
// The address names the open page, so the link must not change the address.
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
setInterval(() => refreshTimes(), 15_000);
refreshTimesInSight();
showTimesOnTouch();
keepFilters();
listenForKeys();
const result = await takeResult();
await read();
main.removeAttribute("aria-busy");
if (!isOver()) watch();
if (result) report(result);
