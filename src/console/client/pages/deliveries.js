import { action, toast } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { listing, split } from "../parts/listing.js";
import { mention } from "../parts/mention.js";
import { isWithin, TIME } from "../parts/spans.js";
import { when } from "../parts/words.js";
import { call, get } from "../state/api.js";
import { calmly, onLive, onReload } from "../state/live.js";
import { onStatus, status } from "../state/store.js";
import { progress, renderDelivery, statePill } from "./delivery.js";

/** The deliveries to Aurora with their states; redelivers failed ones. */

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
    choices: [
      ["", "Any reason"],
      ["refused", "Refused: a setting"],
      ["rate_limited", "Too many calls"],
      ["server_error", "Error in Aurora"],
      ["unreachable", "Not reached"],
      ["not_sent", "Not sent"],
    ],
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

const HOUR_MS = 3_600_000;
/** How far back failed deliveries are sent again, in hours. @type {readonly (readonly [string, string])[]} */
const SPANS = [
  ["", "All that failed"],
  ["1", "Failed in the last hour"],
  ["24", "Failed in the last day"],
  ["168", "Failed in the last week"],
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
        type ?? "notification",
        " ",
        h("span", { class: "muted" }, `v${version ?? "?"}`),
      ),
      h("div", { class: "meta" }, progress(delivery)),
    ),
    h("td", { class: "mention-cell" }, mention(incidentId, incident)),
    h("td", { class: "status-cell" }, statePill(state)),
    h("td", { class: "time-cell" }, when(createdAt, "")),
  );
}

/** Sends failed deliveries again, all of them or the latest; hidden while none has failed. */
function redeliverTool() {
  const span = h(
    "select",
    { "aria-label": "Which deliveries" },
    SPANS.map(([value, label]) => h("option", { value }, label)),
  );
  const send = action("Redeliver", async () => {
    const hours = Number(span.value);
    const since = hours === 0 ? {} : { since: new Date(Date.now() - hours * HOUR_MS).toISOString() };
    /** @type {import("../../../contract/answers.ts").Redelivered} */
    const { redelivered } = await call("POST", "/deliveries/redeliver", since);
    toast("ok", redelivered === 0 ? "None failed in that time." : `${redelivered} on their way again.`);
  });
  const tool = h("div", { class: "redeliver" }, span, send);
  return {
    tool,
    show() {
      const now = status();
      tool.hidden = !now?.connected || now.delivery.dead === 0;
    },
  };
}

/** @returns {readonly [string, string]} */
function nothing() {
  const now = status();
  if (now?.connected && now.delivery.target === null) {
    return [
      "Nothing is sent to Aurora",
      "No address is configured. Incidents are kept here and can be read over the API. Set AURORA_EVENTS_URL or AURORA_BACKEND_URL, and each change is sent there.",
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
  const redeliver = redeliverTool();
  redeliver.show();
  onStatus(redeliver.show, signal);
  /** @type {ReturnType<typeof listing<Delivery>>} */
  const deliveries = listing(
    {
      name: "Deliveries",
      tools: [redeliver.tool],
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
      nothing,
    },
    signal,
  );
  const again = calmly(deliveries.reload);
  onLive(
    "delivery",
    (message) => {
      if (message.type !== "delivery") return;
      // A known delivery is updated in place; a new one is loaded with the list.
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
