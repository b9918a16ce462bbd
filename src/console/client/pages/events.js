import { field } from "../parts/controls.js";
import { entry, h } from "../parts/dom.js";
import { listing, split } from "../parts/listing.js";
import { renderPayload } from "../parts/payload.js";
import { pill, when, words } from "../parts/words.js";
import { get, query } from "../state/api.js";
import { calmly, onLive } from "../state/live.js";

/** What arrived: every webhook, read-back and recovery, with the payload of each webhook. */

/** @typedef {import("../../../contract/answers.ts").ReceivedEvent} ReceivedEvent */
/** @typedef {import("../../../contract/answers.ts").EventList} EventList */

/** @param {string} outcome */
export function outcomePill(outcome) {
  /** @type {Record<string, "ok" | "warn" | "quiet">} */
  const tones = { applied: "ok", unconfirmed: "warn" };
  return pill(entry(tones, outcome) ?? "quiet", words(outcome));
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
    h("span", { class: "meta" }, entry(VERIFIED, verification) ?? "Our own"),
    outcomePill(outcome),
    h("span", { class: "meta end" }, when(receivedAt, "")),
  );
}

/**
 * @param {HTMLElement} side
 * @param {string} webhookId
 * @param {AbortSignal} signal
 */
function renderEvent(side, webhookId, signal) {
  renderPayload(
    side,
    {
      name: "Events",
      list: "#/events",
      /** @returns {Promise<import("../../../contract/answers.ts").EventWithPayload>} */
      load: () => get(`/events/${encodeURIComponent(webhookId)}`),
      title: ({ type }) => type,
      lines: ({ outcome, verification, receivedAt, reason }) => [
        h(
          "p",
          { class: "tags" },
          outcomePill(outcome),
          h("span", { class: "meta" }, entry(VERIFIED, verification) ?? "", " · ", when(receivedAt, "")),
        ),
        reason && h("p", null, reason),
        h("p", { class: "meta mono" }, `X-Webhook-Id ${webhookId}`),
      ],
    },
    signal,
  );
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {(webhookId: string | null) => void}
 */
export function mountEvents(view, signal) {
  const search = h("input", { type: "search", placeholder: "Type, incident, outcome…", autocomplete: "off" });
  /** @type {ReturnType<typeof listing<ReceivedEvent>>} */
  const events = listing(
    {
      name: "Events",
      tools: [h("div", { class: "filter" }, field("Filter", search))],
      layout: "grid",
      page: async (limit, cursor) => {
        /** @type {EventList} */
        const page = await get(`/events${query({ limit, cursor })}`);
        return { items: page.events, nextCursor: page.nextCursor };
      },
      keyOf,
      row,
      wanted: (event) =>
        JSON.stringify(Object.values(event)).toLowerCase().includes(search.value.trim().toLowerCase()),
      nothing: (any) =>
        any
          ? [
              "No event here matches",
              "Only events that are loaded are searched: load older ones to look further.",
            ]
          : ["No events yet", "Send PagerDuty's test event from the Connection page, and it appears here."],
    },
    signal,
  );
  search.addEventListener("input", events.show);
  const again = calmly(events.reload);
  onLive("incident", again, signal);
  onLive("status", again, signal);
  return split(view, events, signal, {
    wide: true,
    render: (side, webhookId, leave) => {
      if (webhookId === null) side.replaceChildren();
      else renderEvent(side, webhookId, leave);
    },
  });
}
