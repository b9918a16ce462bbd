import { h, outerLink } from "../parts/dom.js";
import { bodyText } from "../parts/json.js";
import { incidentHref } from "../parts/mention.js";
import { moment, pill, statusMark, words } from "../parts/words.js";

/** An incident's context from PagerDuty, which Aurora also receives: alerts, changes, similar incidents. */

/** @typedef {import("../../../incidents/context.ts").Context} Context */

/** For each reason, the text after "Not known: " or "Incomplete: ". @type {Record<string, string>} */
const REASONS = {
  forbidden: "the credential may not read them",
  not_found: "PagerDuty no longer knows the incident",
  not_in_plan: "the account's plan does not include them",
  rate_limited: "PagerDuty's rate limit left no calls for them",
  timed_out: "PagerDuty did not answer in time",
  too_large: "some were left out because of the size limit",
  unavailable: "PagerDuty was not available",
};

/** @param {string | null} url @param {string} text */
const linked = (url, text) => outerLink(url, text) ?? text;

/** @param {readonly {href: string, text: string | null}[]} links */
const links = (links) =>
  links.length > 0 &&
  h(
    "p",
    { class: "tags" },
    links.map(({ href, text }) => h("span", null, linked(href, text ?? href))),
  );

/** The monitoring tool's own payload, collapsed. @param {unknown} details */
function detailsOf(details) {
  if (details === null || details === undefined) return null;
  return h(
    "details",
    { class: "payload" },
    h("summary", null, "Details"),
    h("pre", { tabindex: 0, "aria-label": "Details" }, bodyText(details)),
  );
}

/** @param {NonNullable<Context["alerts"]>[number]} alert */
const alertItem = ({ id, summary, severity, status, createdAt, url, source, details, links: all }) =>
  h(
    "li",
    null,
    h("strong", null, linked(url, summary ?? id)),
    h(
      "p",
      { class: "meta" },
      [severity, status, source].filter(Boolean).map((text) => `${text} · `),
      moment(createdAt, ""),
    ),
    links(all),
    detailsOf(details),
  );

/** @param {NonNullable<Context["changes"]>[number]} change */
const changeItem = ({ summary, timestamp, source, reason, details, links: all }) =>
  h(
    "li",
    null,
    h("strong", null, summary ?? "A change"),
    h(
      "p",
      { class: "meta" },
      [source, reason && words(reason)].filter(Boolean).map((text) => `${text} · `),
      moment(timestamp, ""),
    ),
    links(all),
    detailsOf(details),
  );

/** @param {{incidentId: string, title: string | null, createdAt: string | null, score?: number | null, status?: string | null}} similar */
const similarItem = ({ incidentId, title, createdAt, score, status }) =>
  h(
    "li",
    null,
    h("a", { href: incidentHref(incidentId) }, title ?? incidentId),
    h(
      "p",
      { class: "meta tags" },
      status ? statusMark(status) : null,
      score === null || score === undefined ? null : pill("info", `${Math.round(score)} % similar`),
      moment(createdAt, ""),
    ),
  );

/**
 * @template T
 * @param {string} title
 * @param {string} none the text for a part without items
 * @param {readonly T[] | null} items
 * @param {string | undefined} reason why the part is missing or incomplete
 * @param {(item: T) => HTMLElement} item
 */
function part(title, none, items, reason, item) {
  const why =
    reason &&
    h(
      "p",
      { class: "muted" },
      `${items === null ? "Not known" : "Incomplete"}: ${REASONS[reason] ?? reason}.`,
    );
  if (items === null || items.length === 0)
    return [h("h3", null, title), why || h("p", { class: "muted" }, none)];
  return [h("h3", null, title), h("ol", { class: "timeline" }, items.map(item)), why];
}

/** @param {Context | null} context null if not requested yet */
export function contextSection(context) {
  if (!context) return null;
  const { alerts, changes, pastIncidents, relatedIncidents, missing } = context;
  /** @param {string} name */
  const why = (name) => missing.find((one) => one.part === name)?.reason;
  return h(
    "section",
    { class: "context" },
    h("h2", null, "What PagerDuty knows"),
    part("Alerts", "No alerts.", alerts, why("alerts"), alertItem),
    part("Changes", "No changes near its start.", changes, why("changes"), changeItem),
    part("Happening now", "No related incidents.", relatedIncidents, why("relatedIncidents"), similarItem),
    part("Similar in the past", "No similar incidents.", pastIncidents, why("pastIncidents"), similarItem),
  );
}
