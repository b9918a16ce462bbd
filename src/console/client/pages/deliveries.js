import { action, segments, toast } from "../parts/controls.js";
import { entry, h } from "../parts/dom.js";
import { listing, split } from "../parts/listing.js";
import { renderPayload } from "../parts/payload.js";
import { duration, pill, when } from "../parts/words.js";
import { call, get, query } from "../state/api.js";
import { calmly, onLive, onReload } from "../state/live.js";

/** What is sent to Aurora, how it stands, and sending again what could not be delivered. */

/** @typedef {import("../../../contract/answers.ts").Delivery} Delivery */

const FILTERS = [
  ["", "All"],
  ["pending", "Pending"],
  ["delivered", "Delivered"],
  ["dead", "Failed"],
];

/** @param {Delivery["state"]} state */
function statePill(state) {
  /** @type {Record<string, ["ok" | "warn" | "bad", string]>} */
  const labels = { delivered: ["ok", "Delivered"], pending: ["warn", "Pending"], dead: ["bad", "Failed"] };
  const [tone, label] = entry(labels, state) ?? ["warn", "Unknown"];
  return pill(tone, label);
}

/** @param {Delivery} delivery */
function progress({ state, attempts, createdAt, deliveredAt, nextAttemptAt, lastError }) {
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  if (state === "delivered" && deliveredAt && createdAt) {
    return [`in ${duration(Date.parse(deliveredAt) - Date.parse(createdAt))}, ${tries}`];
  }
  const next = nextAttemptAt ? [", next ", when(nextAttemptAt)] : [];
  return [lastError ? `${lastError}, ` : "", tries, ...next];
}

/** @param {string} id */
const redeliver = (id) =>
  action(
    "Redeliver",
    async () => {
      await call("POST", "/deliveries/redeliver", { ids: [id] });
      toast("ok", "On its way again.");
    },
    "small",
  );

/** @param {string | null} incidentId */
const incidentLink = (incidentId) =>
  h(
    "a",
    { class: "mono quiet", href: `#/incidents/${encodeURIComponent(incidentId ?? "")}` },
    incidentId ?? "",
  );

/** @param {Delivery} delivery */
function row(delivery) {
  const { id, type, version, incidentId, state, webhookId, createdAt } = delivery;
  const name = h(
    "a",
    { href: `#/deliveries/${encodeURIComponent(id)}` },
    h(
      "span",
      { class: "title mono" },
      type ?? "notification",
      " ",
      h("span", { class: "muted" }, `v${version ?? "?"}`),
    ),
  );
  return h(
    "li",
    { class: "event" },
    h("div", { class: "what" }, name, h("span", { class: "meta" }, progress(delivery))),
    incidentLink(incidentId),
    webhookId
      ? h("a", { class: "meta", href: `#/events/${encodeURIComponent(webhookId)}` }, "Its event")
      : h("span", { class: "meta" }, "Our own"),
    h("span", { class: "cell" }, statePill(state), state === "dead" ? redeliver(id) : null),
    h("span", { class: "meta end" }, when(createdAt, "")),
  );
}

/**
 * @param {HTMLElement} side
 * @param {string} id
 * @param {AbortSignal} signal
 */
function renderDelivery(side, id, signal) {
  const draw = renderPayload(
    side,
    {
      name: "Deliveries",
      list: "#/deliveries",
      /** @returns {Promise<import("../../../contract/answers.ts").DeliveryWithPayload>} */
      load: () => get(`/deliveries/${encodeURIComponent(id)}`),
      title: ({ type }) => type ?? "notification",
      lines: (delivery) => [
        h(
          "p",
          { class: "tags" },
          statePill(delivery.state),
          h("span", { class: "meta" }, progress(delivery)),
          incidentLink(delivery.incidentId),
        ),
        h("p", { class: "meta mono" }, `webhook-id ${id}`),
        delivery.state === "dead" ? h("p", null, redeliver(id)) : null,
      ],
    },
    signal,
  );
  const again = calmly(draw);
  onLive(
    "delivery",
    (message) => {
      if (message.type === "delivery" && message.delivery.id === id) again();
    },
    signal,
  );
  onReload(again, signal);
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {(id: string | null) => void}
 */
export function mountDeliveries(view, signal) {
  let state = "";
  const all = action("Redeliver all that failed", async () => {
    /** @type {import("../../../contract/answers.ts").Redelivered} */
    const { redelivered } = await call("POST", "/deliveries/redeliver");
    toast("ok", redelivered === 0 ? "Nothing has failed." : `${redelivered} on their way again.`);
  });
  all.hidden = true;
  const filters = segments(FILTERS, (value) => {
    state = value;
    void deliveries.refilter();
  });
  /** @type {ReturnType<typeof listing<Delivery>>} */
  const deliveries = listing(
    {
      name: "Deliveries",
      tools: [filters, all],
      layout: "grid",
      page: async (limit, cursor) => {
        /** @type {import("../../../contract/answers.ts").DeliveryList} */
        const page = await get(`/deliveries${query({ limit, state: state || null, cursor })}`);
        return { items: page.deliveries, nextCursor: page.nextCursor };
      },
      keyOf: ({ id }) => id,
      row,
      wanted: (delivery) => state === "" || delivery.state === state,
      nothing: () => [
        state === "" ? "Nothing sent yet" : "None in this state",
        "Each change of an incident is sent to AURORA_EVENTS_URL, in order, until it is accepted.",
      ],
      shown: (known) => {
        all.hidden = !known.some((one) => one.state === "dead");
      },
    },
    signal,
  );
  const again = calmly(deliveries.reload);
  onLive(
    "delivery",
    (message) => {
      if (message.type !== "delivery") return;
      // One that is known moves in its place; a new one comes with the list.
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
