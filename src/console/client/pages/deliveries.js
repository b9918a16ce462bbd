import { h } from "../parts/dom.js";
import { listing } from "../parts/listing.js";
import { mention } from "../parts/mention.js";
import { isWithin, TIME } from "../parts/spans.js";
import { split } from "../parts/split.js";
import { dotted, when } from "../parts/words.js";
import { get } from "../state/api.js";
import { calmly, onLive, onReload } from "../state/live.js";
import { status } from "../state/store.js";
import { progress, renderDelivery, statePill } from "./delivery.js";
import { REASONS, redelivery } from "./redelivery.js";

/** The list of deliveries to Aurora, and a button that redelivers the failed deliveries. */

/** @typedef {import("../../../contract/answers.ts").Delivery} Delivery */

/** @type {readonly import("../parts/filters.js").Filter[]} */
const FILTERS = [
  {
    name: "state",
    label: "State",
    kind: "segments",
    choices: [
      ["", "All"],
      ["pending", "Pending"],
      ["delivered", "Delivered"],
      ["dead", "Failed"],
    ],
  },
  {
    name: "error",
    label: "Reason of the last failure",
    kind: "choice",
    choices: [["", "Any reason"], ...REASONS],
  },
  TIME,
];

/** @type {readonly (readonly [string, string])[]} */
const COLUMNS = [
  ["Notification", "wide-cell"],
  ["Incident", "mention-cell"],
  ["State", "status-cell"],
  ["Created", "time-cell"],
];

/** @param {Delivery} delivery */
function row(delivery) {
  const { id, type, version, incidentId, incident, state, createdAt } = delivery;
  return h(
    "tr",
    { class: "delivery" },
    h(
      "td",
      { class: "wide-cell" },
      h(
        "a",
        { class: "row-link title mono", href: `#/deliveries/${encodeURIComponent(id)}` },
        dotted(type ?? "notification"),
        " ",
        h("span", { class: "muted" }, `v${version ?? "?"}`),
      ),
      h("div", { class: "meta progress" }, progress(delivery)),
    ),
    h("td", { class: "mention-cell" }, mention(incidentId, incident)),
    h("td", { class: "status-cell" }, statePill(state)),
    h("td", { class: "time-cell" }, when(createdAt, "")),
  );
}

/** @returns {readonly [string, string]} */
function nothing() {
  const now = status();
  if (now?.connected && now.delivery.target === null) {
    return [
      "Nothing is sent to Aurora",
      "No address is configured. Incidents are stored here, and the API returns them. To send each change to Aurora, set AURORA_EVENTS_URL or AURORA_BACKEND_URL.",
    ];
  }
  return [
    "Nothing sent yet",
    "Each change of an incident is sent to Aurora, in order, until Aurora accepts it.",
  ];
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {import("../console.js").Navigate}
 */
export function mountDeliveries(view, signal) {
  const { tool, panel, offer } = redelivery(signal, () => again());
  /** @type {ReturnType<typeof listing<Delivery>>} */
  const deliveries = listing(
    {
      name: "Deliveries",
      tools: [tool],
      above: panel,
      filters: FILTERS,
      columns: COLUMNS,
      load: async (search) => {
        /** @type {import("../../../contract/answers.ts").DeliveryList} */
        const { deliveries: items, ...page } = await get(`/deliveries${search}`);
        return { items, ...page };
      },
      keyOf: ({ id }) => id,
      row,
      wanted: (delivery, { state, error, since }) =>
        (!state || delivery.state === state) &&
        (!error || delivery.errorClass === error) &&
        isWithin(since, delivery.createdAt),
      counted: offer,
      nothing,
    },
    signal,
  );
  const again = calmly(deliveries.reload);
  onLive(
    "delivery",
    (message) => {
      if (message.type !== "delivery") return;
      if (deliveries.has(message.delivery.id)) deliveries.put(message.delivery);
      else again();
    },
    signal,
  );
  onReload(again, signal);
  return split(view, deliveries, signal, {
    wide: true,
    render: (side, id, leave) => {
      if (id === null) side.replaceChildren();
      else renderDelivery(side, id, leave);
    },
  });
}
