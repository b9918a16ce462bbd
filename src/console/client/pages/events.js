import { matchesText } from "../../../incidents/search.ts";
import { DEFAULT_EVENTS } from "../../../pagerduty/webhook-events.ts";
import { idLine } from "../parts/controls.js";
import { entry, h } from "../parts/dom.js";
import { listing } from "../parts/listing.js";
import { mention, mentionWhole } from "../parts/mention.js";
import { renderPayload } from "../parts/payload.js";
import { isWithin, TIME } from "../parts/spans.js";
import { split } from "../parts/split.js";
import { dotted, moment, pill, when } from "../parts/words.js";
import { get } from "../state/api.js";
import { calmly, onLive } from "../state/live.js";
import { mayManageWebhooks } from "../state/permissions.js";
import { status } from "../state/store.js";

/** The list of webhooks, recovered incidents and the checks' findings. A click on a webhook shows its payload. */

/** @typedef {import("../../../contract/answers.ts").ReceivedEvent} ReceivedEvent */
/** @typedef {import("../../../contract/answers.ts").ListedEvent} ListedEvent */
/** @typedef {import("../../../contract/answers.ts").EventList} EventList */

/** @type {Record<ReceivedEvent["outcome"], {tone: "ok" | "warn" | "bad" | "quiet", name: string, reason: string | null}>} */
const OUTCOMES = {
  applied: { tone: "ok", name: "Applied", reason: null },
  duplicate: { tone: "quiet", name: "Duplicate", reason: "The same event had already arrived." },
  stale: {
    tone: "quiet",
    name: "Changed nothing",
    reason: "A newer event had already arrived, or the incident already had this event's values.",
  },
  ignored: { tone: "quiet", name: "Not used", reason: "Aurora does not use this type of event." },
  unconfirmed: { tone: "warn", name: "Unconfirmed", reason: "PagerDuty has not confirmed it yet." },
  failed: {
    tone: "bad",
    name: "Failed",
    reason: "It could not be processed, and is kept for a retry.",
  },
};

/** @param {ReceivedEvent["outcome"]} outcome */
export const outcomePill = (outcome) => pill(OUTCOMES[outcome].tone, OUTCOMES[outcome].name);

/** Why the event has its outcome. @param {ReceivedEvent} event */
const reasonOf = ({ outcome, reason }) => reason ?? OUTCOMES[outcome].reason;

const TYPES = [...DEFAULT_EVENTS, "pagey.ping"];

/** @type {readonly import("../parts/filters.js").Filter[]} */
const FILTERS = [
  {
    name: "q",
    label: "Search incident and webhook id",
    kind: "search",
    placeholder: "Title, number, service, webhook id",
  },
  {
    name: "type",
    label: "Type",
    kind: "choice",
    choices: [["", "All types"], ...TYPES.map((type) => /** @type {[string, string]} */ ([type, type]))],
  },
  {
    name: "outcome",
    label: "Outcome",
    kind: "choice",
    choices: [
      ["", "All outcomes"],
      ...Object.entries(OUTCOMES).map(([value, { name }]) => /** @type {[string, string]} */ ([value, name])),
    ],
  },
  TIME,
];

/** @type {readonly (readonly [string, string])[]} */
const COLUMNS = [
  ["Event", "wide-cell"],
  ["Incident", "mention-cell"],
  ["Verified by", "by-cell"],
  ["Outcome", "status-cell"],
  ["Received", "time-cell"],
];

/** @type {Record<string, string>} */
const VERIFIED = { signature: "Signature", callback: "Read back", backfill: "Recovered" };

/** @param {ReceivedEvent} event */
const keyOf = ({ webhookId, eventId, type, receivedAt }) => webhookId ?? `${type} ${eventId} ${receivedAt}`;

/** @param {ListedEvent} event */
function row(event) {
  const { webhookId, type, incidentId, incident, outcome, verification, receivedAt } = event;
  const reason = reasonOf(event);
  return h(
    "tr",
    { class: "event" },
    h(
      "td",
      { class: "wide-cell" },
      webhookId
        ? h(
            "a",
            { class: "row-link title mono", href: `#/events/${encodeURIComponent(webhookId)}` },
            dotted(type),
          )
        : h("span", { class: "title mono" }, dotted(type)),
      reason && h("div", { class: "meta" }, reason),
    ),
    h("td", { class: "mention-cell" }, mention(incidentId, incident)),
    h("td", { class: "by-cell meta" }, entry(VERIFIED, verification) ?? "The connector"),
    h("td", { class: "status-cell" }, outcomePill(outcome)),
    h("td", { class: "time-cell" }, when(receivedAt, "")),
  );
}

/** @returns {readonly [string, string]} */
function nothing() {
  const now = status();
  const mayTest = now?.connected && now.webhook.subscription !== null && mayManageWebhooks(now);
  return [
    "No events yet",
    mayTest
      ? "Send PagerDuty's test event on the Connection page; it then appears here."
      : "They appear as soon as PagerDuty sends them, without reloading the page.",
  ];
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
      lines: (event) => [
        h(
          "p",
          { class: "tags" },
          outcomePill(event.outcome),
          h(
            "span",
            { class: "meta" },
            entry(VERIFIED, event.verification) ?? "",
            " · received ",
            moment(event.receivedAt, ""),
          ),
        ),
        reasonOf(event) && h("p", null, reasonOf(event)),
        event.incidentId && mentionWhole(event.incidentId, event.incident),
        idLine("X-Webhook-Id", webhookId),
        event.eventId && idLine("event id", event.eventId),
      ],
    },
    signal,
  );
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {import("../console.js").Navigate}
 */
export function mountEvents(view, signal) {
  /** @type {ReturnType<typeof listing<ListedEvent>>} */
  const events = listing(
    {
      name: "Events",
      tools: [],
      filters: FILTERS,
      columns: COLUMNS,
      load: async (search) => {
        /** @type {EventList} */
        const { events: items, ...page } = await get(`/events${search}`);
        return { items, ...page };
      },
      keyOf,
      row,
      wanted: ({ incident, ...event }, { q, type, outcome, since }) =>
        (!type || event.type === type) &&
        (!outcome || event.outcome === outcome) &&
        isWithin(since, event.receivedAt) &&
        matchesText(q ?? "")([event.webhookId, incident?.title, incident?.number, incident?.service]),
      nothing,
    },
    signal,
  );
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
