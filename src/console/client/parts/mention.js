import { h } from "./dom.js";
import { numberOf, severityMark, statusMark } from "./words.js";

/** An incident in a list of events or deliveries. */

/** @typedef {import("../../../contract/answers.ts").ListedEvent["incident"]} Head */

/** @param {string} incidentId */
export const incidentHref = (incidentId) => `#/incidents/${encodeURIComponent(incidentId)}`;

/**
 * @param {string | null} incidentId
 * @param {Head} head null if only the incident's id is known
 */
export function mention(incidentId, head) {
  if (incidentId === null) return h("span", { class: "muted" }, "no incident");
  if (!head) return h("a", { class: "mono quiet", href: incidentHref(incidentId) }, incidentId);
  return [
    h(
      "a",
      { class: "mention", href: incidentHref(incidentId) },
      h("span", { class: "number" }, numberOf(head.number, incidentId)),
      " ",
      head.title,
    ),
    h("div", { class: "meta" }, head.service),
  ];
}

/** An incident with more details, for pages with more space. @param {string} incidentId @param {Head} head */
export const mentionWhole = (incidentId, head) =>
  h(
    "div",
    { class: "mention-whole" },
    h("div", null, mention(incidentId, head)),
    head && h("p", { class: "tags" }, severityMark(head.severity), statusMark(head.pagerdutyStatus)),
  );
