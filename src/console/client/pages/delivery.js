import { action, copyBlock, idLine, toast } from "../parts/controls.js";
import { entry, h } from "../parts/dom.js";
import { bodyText } from "../parts/json.js";
import { mentionWhole } from "../parts/mention.js";
import { renderPayload } from "../parts/payload.js";
import { duration, moment, pill, readable, when } from "../parts/words.js";
import { call, get } from "../state/api.js";
import { calmly, onLive, onReload } from "../state/live.js";

/** One delivery: its URL, its body, each attempt, and Aurora's answer to each attempt. */

/** @typedef {import("../../../contract/answers.ts").Delivery} Delivery */
/** @typedef {import("../../../contract/answers.ts").DeliveryWithPayload} DeliveryWithPayload */

/** @param {Delivery["state"]} state */
export function statePill(state) {
  /** @type {Record<string, ["ok" | "warn" | "bad", string]>} */
  const labels = { delivered: ["ok", "Delivered"], pending: ["warn", "Pending"], dead: ["bad", "Failed"] };
  const [tone, label] = entry(labels, state) ?? ["info", "Unknown"];
  return pill(tone, label);
}

/** @param {Delivery} delivery */
export function progress({ state, attempts, createdAt, deliveredAt, nextAttemptAt, cause }) {
  const tries = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
  if (state === "delivered" && deliveredAt && createdAt) {
    return [`in ${duration(Date.parse(deliveredAt) - Date.parse(createdAt))}, ${tries}`];
  }
  const next = nextAttemptAt ? [", next ", when(nextAttemptAt)] : [];
  const error = cause && h("span", { class: "cause" }, `· ${cause}`);
  return [h("span", null, tries, ...next), error];
}

/** @param {string} id @param {Delivery["state"]} state */
function sendNow(id, state) {
  return action(state === "dead" ? "Redeliver" : "Try now", async () => {
    await call("POST", "/deliveries/redeliver", { ids: [id] });
    toast("ok", "On its way.");
  });
}

/** @param {number | null} status */
const answered = (status) =>
  status === null ? pill("bad", "No answer") : pill(status < 300 ? "ok" : "bad", String(status));

/** @param {DeliveryWithPayload["failedAttempts"][number]} attempt */
function attemptItem({ at, status, answer, durationMs, early }) {
  return h(
    "li",
    null,
    h("div", { class: "tags" }, answered(status), h("span", null, moment(at))),
    h(
      "p",
      { class: "meta" },
      `${early ? "Before its planned time" : "Planned"}, took ${duration(durationMs)}`,
    ),
    // If Aurora's answer had no text, `answer` only repeats the status.
    answer && answer !== `Aurora answered ${status}` ? h("p", { class: "text" }, answer) : null,
  );
}

/** The list of attempts, newest first. @param {DeliveryWithPayload} delivery */
function attempts({ failedAttempts, deliveredAt, nextAttemptAt, lastStatus }) {
  const items = failedAttempts.toReversed().map(attemptItem);
  if (deliveredAt) {
    const accepted = h(
      "div",
      { class: "tags" },
      answered(lastStatus ?? 200),
      h("span", null, moment(deliveredAt)),
    );
    items.unshift(h("li", { class: "resolved" }, accepted, h("p", { class: "meta" }, "Accepted by Aurora")));
  }
  if (nextAttemptAt) items.unshift(h("li", null, h("div", null, "Next attempt ", moment(nextAttemptAt))));
  if (items.length === 0) return null;
  return [h("h2", null, "Attempts"), h("ol", { class: "timeline" }, items)];
}

/** @param {DeliveryWithPayload} delivery */
function request({ target, headers }) {
  return [
    h("h2", null, "Request"),
    target === null
      ? h("p", { class: "muted" }, "No address is configured: set AURORA_EVENTS_URL.")
      : h("p", { class: "mono break" }, `POST ${target}`),
    h(
      "dl",
      { class: "headers mono" },
      Object.entries(headers).flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
    ),
  ];
}

/** The bodies that are sent after Aurora accepted `payload`. @param {DeliveryWithPayload} delivery */
const followUps = ({ followUps: bodies }) =>
  bodies.map((body, index) => copyBlock(`Follow-up ${index + 1}`, bodyText(body)).element);

/**
 * @param {HTMLElement} side
 * @param {string} id
 * @param {AbortSignal} signal
 */
export function renderDelivery(side, id, signal) {
  const draw = renderPayload(
    side,
    {
      name: "Deliveries",
      list: "#/deliveries",
      /** @returns {Promise<DeliveryWithPayload>} */
      load: () => get(`/deliveries/${encodeURIComponent(id)}`),
      title: ({ type }) => type ?? "notification",
      lines: (delivery) => [
        h(
          "div",
          { class: "tags" },
          statePill(delivery.state),
          h("span", { class: "meta" }, "created ", moment(delivery.createdAt)),
        ),
        delivery.incidentId && mentionWhole(delivery.incidentId, delivery.incident),
        idLine("webhook-id", id),
        delivery.webhookId &&
          h(
            "p",
            null,
            h(
              "a",
              { href: `#/events/${encodeURIComponent(delivery.webhookId)}` },
              "The event that caused it",
            ),
          ),
        delivery.lastError && delivery.state !== "delivered"
          ? h("p", { class: "error" }, readable(delivery.lastError))
          : null,
        delivery.state === "delivered" || delivery.target === null
          ? null
          : h("p", { class: "actions" }, sendNow(id, delivery.state)),
        attempts(delivery),
        request(delivery),
      ],
      after: followUps,
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
