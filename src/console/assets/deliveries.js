import { call, get, query } from "./api.js";
import { action, empty, failed, loading, segments, toast } from "./controls.js";
import { h, keep } from "./dom.js";
import { calmly, onLive } from "./live.js";
import { duration, pill, when } from "./words.js";

/** What is sent to Aurora, how it stands, and sending again what could not be delivered. */

/** @typedef {import("../../http/answers.ts").Delivery} Delivery */

const FILTERS = [
  ["", "All"],
  ["pending", "Pending"],
  ["delivered", "Delivered"],
  ["dead", "Failed"],
];

/** @param {Delivery} delivery */
function progress({ state, attempts, createdAt, deliveredAt, nextAttemptAt, lastError }) {
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  if (state === "delivered" && deliveredAt && createdAt) {
    return [`in ${duration(Date.parse(deliveredAt) - Date.parse(createdAt))}, ${tries}`];
  }
  const next = nextAttemptAt ? [", next ", when(nextAttemptAt)] : [];
  return [lastError ? `${lastError}, ` : "", tries, ...next];
}

/** @param {Delivery} delivery */
function row(delivery) {
  const { id, type, version, incidentId, state, webhookId, createdAt } = delivery;
  /** @type {Record<string, ["ok" | "warn" | "bad", string]>} */
  const labels = { delivered: ["ok", "Delivered"], pending: ["warn", "Pending"], dead: ["bad", "Failed"] };
  const [tone, label] = labels[state ?? ""] ?? ["warn", "Unknown"];
  const again = action(
    "Redeliver",
    async () => {
      await call("POST", "/deliveries/redeliver", { ids: [id] });
      toast("ok", "On its way again.");
    },
    "small",
  );
  const name = h(
    "span",
    { class: "title mono" },
    type ?? "notification",
    " ",
    h("span", { class: "muted" }, `v${version ?? "?"}`),
  );
  return h(
    "li",
    { class: "event" },
    h("div", { class: "what" }, name, h("span", { class: "meta" }, progress(delivery))),
    h(
      "a",
      { class: "mono quiet", href: `#/incidents/${encodeURIComponent(incidentId ?? "")}` },
      incidentId ?? "",
    ),
    webhookId
      ? h("a", { class: "meta", href: `#/events/${encodeURIComponent(webhookId)}` }, "Its event")
      : h("span", { class: "meta" }, "Our own"),
    h("span", { class: "cell" }, pill(tone, label), state === "dead" ? again : null),
    h("span", { class: "meta end" }, when(createdAt, "")),
  );
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {(id: string | null) => void}
 */
export function mountDeliveries(view, signal) {
  /** @type {Map<string, Delivery>} */
  const known = new Map();
  /** @type {string | null} */
  let cursor = null;
  let state = "";
  let loads = 0;
  const list = h("ul", { class: "rows grid", "aria-label": "Deliveries" });
  const note = h("div");
  const more = action("Load older deliveries", () => load(false));
  const all = action("Redeliver all that failed", async () => {
    /** @type {import("../../http/answers.ts").Redelivered} */
    const { redelivered } = await call("POST", "/deliveries/redeliver");
    toast("ok", redelivered === 0 ? "Nothing has failed." : `${redelivered} on their way again.`);
  });
  const filters = segments(FILTERS, (value) => {
    state = value;
    void load(true);
  });
  view.replaceChildren(
    h(
      "section",
      { class: "panel list" },
      h("div", { class: "panel-head" }, h("h1", null, "Deliveries"), filters, all),
      list,
      note,
      more,
    ),
  );

  function show() {
    const rows = [...known.values()].filter((one) => state === "" || one.state === state);
    keep(list, rows, ({ id }) => id, row);
    all.hidden = ![...known.values()].some((one) => one.state === "dead");
    more.hidden = cursor === null;
    const nothing = state === "" ? "Nothing sent yet" : "None in this state";
    note.replaceChildren(
      ...(rows.length === 0 && loads > 0
        ? [
            empty(
              nothing,
              h(
                "p",
                null,
                "Each change of an incident is sent to AURORA_EVENTS_URL, in order, until it is accepted.",
              ),
            ),
          ]
        : []),
    );
  }

  /** @param {boolean} anew */
  async function load(anew) {
    try {
      /** @type {import("../../http/answers.ts").DeliveryList} */
      const page = await get(
        `/deliveries${query({ limit: 50, state: state || null, cursor: anew ? null : cursor })}`,
      );
      if (signal.aborted) return;
      if (anew) known.clear();
      for (const delivery of page.deliveries) known.set(delivery.id, delivery);
      cursor = page.nextCursor;
      loads += 1;
      show();
    } catch (error) {
      if (loads === 0) note.replaceChildren(failed(error, () => load(true)));
    }
  }

  const again = calmly(() => load(true));
  onLive(
    "delivery",
    (message) => {
      if (message.type !== "delivery") return;
      // One that is known moves in its place; a new one comes with the list.
      if (known.has(message.delivery.id)) {
        known.set(message.delivery.id, message.delivery);
        show();
      } else again();
    },
    signal,
  );
  onLive(
    "status",
    (message) => {
      if (message.type === "status" && message.reload) again();
    },
    signal,
  );
  more.hidden = true;
  all.hidden = true;
  note.replaceChildren(loading("Loading deliveries"));
  void load(true);
  return () => {};
}
