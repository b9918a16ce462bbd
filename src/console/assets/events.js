import { get, query } from "./api.js";
import { action, copyButton, empty, failed, field, loading } from "./controls.js";
import { h, keep } from "./dom.js";
import { calmly, onLive } from "./live.js";
import { pill, when, words } from "./words.js";

/** What arrived: every webhook, read-back and recovery, with the payload of each webhook. */

/** @typedef {import("../../http/answers.ts").ReceivedEvent} ReceivedEvent */
/** @typedef {import("../../http/answers.ts").EventList} EventList */

/** @param {string} outcome */
export function outcomePill(outcome) {
  /** @type {Record<string, "ok" | "warn" | "quiet">} */
  const tones = { applied: "ok", unconfirmed: "warn" };
  return pill(tones[outcome] ?? "quiet", words(outcome));
}

/** @type {Record<string, string>} */
const VERIFIED = { signature: "Signature", callback: "Read back", backfill: "Recovered" };

/** @param {ReceivedEvent} event */
const keyOf = ({ webhookId, eventId, type, receivedAt }) => webhookId ?? `${type} ${eventId} ${receivedAt}`;

/** @param {ReceivedEvent} event */
function row(event) {
  const { webhookId, type, incidentId, outcome, reason, verification, receivedAt } = event;
  const name = h("span", { class: "title mono" }, type);
  const link = webhookId ? h("a", { href: `#/events/${encodeURIComponent(webhookId)}` }, name) : name;
  return h(
    "li",
    { class: "event" },
    h("div", { class: "what" }, link, reason && h("span", { class: "meta" }, reason)),
    incidentId
      ? h("a", { class: "mono quiet", href: `#/incidents/${encodeURIComponent(incidentId)}` }, incidentId)
      : h("span", { class: "muted" }, "no incident"),
    h("span", { class: "meta" }, VERIFIED[verification ?? ""] ?? "Our own"),
    outcomePill(outcome),
    h("span", { class: "meta end" }, when(receivedAt, "")),
  );
}

/**
 * @param {HTMLElement} side
 * @param {string} webhookId
 */
async function renderPayload(side, webhookId) {
  const head = h("div", { class: "panel-head" }, h("a", { class: "back", href: "#/events" }, "← All events"));
  // On a narrow screen this is the whole page, and a page has a heading whatever its state.
  const untitled = () => h("h1", { class: "hidden" }, "Event");
  side.replaceChildren(h("div", { class: "panel" }, head, untitled(), loading("Loading the payload")));
  try {
    /** @type {import("../../http/answers.ts").EventWithPayload} */
    const event = await get(`/events/${encodeURIComponent(webhookId)}`);
    const text = typeof event.payload === "string" ? event.payload : JSON.stringify(event.payload, null, 2);
    const title = h("h1", { tabindex: -1, class: "mono" }, event.type);
    head.append(copyButton(() => text, "Copy payload"));
    side.replaceChildren(
      h(
        "article",
        { class: "panel detail" },
        head,
        title,
        h(
          "p",
          { class: "tags" },
          outcomePill(event.outcome),
          h(
            "span",
            { class: "meta" },
            VERIFIED[event.verification ?? ""] ?? "",
            " · ",
            when(event.receivedAt, ""),
          ),
        ),
        event.reason && h("p", null, event.reason),
        h("p", { class: "meta mono" }, `X-Webhook-Id ${webhookId}`),
        h("pre", { tabindex: 0, "aria-label": "Payload" }, text),
      ),
    );
    title.focus();
  } catch (error) {
    side.replaceChildren(
      h(
        "div",
        { class: "panel" },
        head,
        untitled(),
        failed(error, () => renderPayload(side, webhookId)),
      ),
    );
  }
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {(webhookId: string | null) => void}
 */
export function mountEvents(view, signal) {
  /** @type {ReceivedEvent[]} */
  let events = [];
  /** @type {string | null} */
  let cursor = null;
  let loads = 0;
  /** @type {string | null} */
  let chosen = null;
  const list = h("ul", { class: "rows grid", "aria-label": "Events" });
  const note = h("div");
  const search = h("input", { type: "search", placeholder: "Type, incident, outcome…", autocomplete: "off" });
  const more = action("Load older events", () => load(false));
  const side = h("div", { class: "side" });
  const split = h(
    "div",
    { class: "split wide" },
    h(
      "section",
      { class: "panel list" },
      h(
        "div",
        { class: "panel-head" },
        h("h1", null, "Events"),
        h("div", { class: "filter" }, field("Filter", search)),
      ),
      list,
      note,
      more,
    ),
    side,
  );
  view.replaceChildren(split);

  function show() {
    const wanted = search.value.trim().toLowerCase();
    const rows = events.filter((event) =>
      JSON.stringify(Object.values(event)).toLowerCase().includes(wanted),
    );
    keep(list, rows, keyOf, row);
    for (const item of list.children)
      item.classList.toggle("current", item.getAttribute("data-key") === chosen);
    more.hidden = cursor === null;
    const nothing = events.length === 0 ? "No events yet" : "No event here matches";
    const text =
      events.length === 0
        ? "Send PagerDuty's test event from the Connection page, and it appears here."
        : "Only events that are loaded are searched: load older ones to look further.";
    note.replaceChildren(...(rows.length === 0 && loads > 0 ? [empty(nothing, h("p", null, text))] : []));
  }

  /** @param {boolean} anew */
  async function load(anew) {
    try {
      /** @type {EventList} */
      const page = await get(`/events${query({ limit: 50, cursor: anew ? null : cursor })}`);
      if (signal.aborted) return;
      // What was loaded further down stays.
      const fresh = new Set(page.events.map(keyOf));
      const rest = events.filter((event) => !fresh.has(keyOf(event)));
      events = anew ? [...page.events, ...rest] : [...events, ...page.events];
      if (!anew || loads === 0) cursor = page.nextCursor;
      loads += 1;
      show();
    } catch (error) {
      if (loads === 0) note.replaceChildren(failed(error, () => load(true)));
    }
  }
  search.addEventListener("input", show);
  const again = calmly(() => load(true));
  onLive("incident", again, signal);
  onLive("status", again, signal);
  more.hidden = true;
  note.replaceChildren(loading("Loading events"));
  void load(true);
  return (webhookId) => {
    chosen = webhookId;
    split.classList.toggle("has-detail", webhookId !== null);
    show();
    if (webhookId === null) side.replaceChildren();
    else void renderPayload(side, webhookId);
  };
}
