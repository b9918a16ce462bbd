import { matchesText } from "../../../incidents/search.ts";
import { h } from "../parts/dom.js";
import { listing } from "../parts/listing.js";
import { incidentHref } from "../parts/mention.js";
import { isWithin, TIME } from "../parts/spans.js";
import { split } from "../parts/split.js";
import { numberOf, severityMark, statusMark, when } from "../parts/words.js";
import { get } from "../state/api.js";
import { calmly, onLive, onReload } from "../state/live.js";
import { renderActivity } from "./chart.js";
import { renderIncident } from "./incident.js";

/** The live list of incidents. Beside the list is the selected incident, or the day's activity if none is selected. */

/** @typedef {import("../../../contract/answers.ts").IncidentList} IncidentList */
/** @typedef {Omit<import("../../../contract/answers.ts").PagerDutyIncident, "description" | "customFields">} Row */

/** @type {readonly import("../parts/filters.js").Filter[]} */
const FILTERS = [
  {
    name: "q",
    label: "Search title, number and service",
    kind: "search",
    placeholder: "Title, number, service",
  },
  {
    name: "status",
    label: "Status",
    kind: "segments",
    choices: [
      ["", "All"],
      ["investigating", "Open"],
      ["resolved", "Resolved"],
    ],
  },
  {
    name: "severity",
    label: "Severity",
    kind: "choice",
    choices: [
      ["", "All severities"],
      ["critical", "Critical"],
      ["high", "High"],
      ["medium", "Medium"],
      ["low", "Low"],
    ],
  },
  { name: "service", label: "Service", kind: "choice", choices: [["", "All services"]] },
  TIME,
];

/** @type {readonly (readonly [string, string])[]} */
const COLUMNS = [
  ["Severity", "severity-cell"],
  ["Incident", "wide-cell"],
  ["Priority", "priority-cell"],
  ["Status", "status-cell"],
  ["Assigned to", "people-cell"],
  ["Started", "time-cell"],
];

/** @param {Row} incident */
function row(incident) {
  const { incidentId, title, severity, pagerdutyStatus, service, sourceAlertId, priority, assignees } =
    incident;
  const people = assignees.map(({ name }) => name).join(", ");
  return h(
    "tr",
    { class: `incident ${severity} ${incident.status}` },
    h("td", { class: "severity-cell" }, severityMark(severity)),
    h(
      "td",
      { class: "wide-cell" },
      h("a", { class: "row-link title", href: incidentHref(incidentId) }, title),
      h("div", { class: "meta" }, `${numberOf(sourceAlertId, incidentId)} · ${service.name}`),
    ),
    h("td", { class: "priority-cell" }, priority ?? h("span", { class: "muted" }, "–")),
    h("td", { class: "status-cell" }, statusMark(pagerdutyStatus)),
    h("td", { class: "people-cell", title: people }, people || h("span", { class: "muted" }, "nobody")),
    h("td", { class: "time-cell" }, when(incident.startedAt, "unknown")),
  );
}

/** @param {Row} incident */
const startedMs = ({ startedAt }) => Date.parse(startedAt ?? "") || Number.POSITIVE_INFINITY;

/**
 * The API's order: newest start first; for equal starts, greatest id first.
 * @param {Row} a @param {Row} b
 */
const newestFirst = (a, b) => startedMs(b) - startedMs(a) || (a.incidentId < b.incidentId ? 1 : -1);

/**
 * Whether an incident from the WebSocket matches the filters, according to the server's rules.
 * @param {Row} incident
 * @param {import("../parts/listing.js").Chosen} chosen
 */
function matches({ title, sourceAlertId, service, severity, ...incident }, { status, q, since, ...chosen }) {
  const wanted = chosen["service"]?.toLowerCase();
  return (
    (!status || incident.status === status) &&
    isWithin(since, incident.startedAt) &&
    (!chosen["severity"] || severity === chosen["severity"]) &&
    (!wanted || [service.id, service.name].some((text) => text?.toLowerCase() === wanted)) &&
    matchesText(q ?? "")([title, sourceAlertId, service.name])
  );
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {import("../console.js").Navigate}
 */
export function mountIncidents(view, signal) {
  /** @type {ReturnType<typeof listing<Row>>} */
  const incidents = listing(
    {
      name: "Incidents",
      tools: [],
      filters: FILTERS,
      columns: COLUMNS,
      load: async (search) => {
        /** @type {IncidentList} */
        const { incidents: items, ...page } = await get(`/incidents${search}`);
        return { items, ...page };
      },
      keyOf: ({ incidentId }) => incidentId,
      row,
      wanted: matches,
      order: newestFirst,
      nothing: () => [
        "No incidents yet",
        "They appear as soon as PagerDuty sends them, without reloading the page.",
      ],
    },
    signal,
  );
  onLive(
    "incident",
    (message) => {
      if (message.type === "incident") incidents.put(message.incident);
    },
    signal,
  );
  onReload(calmly(incidents.reload), signal);
  return split(view, incidents, signal, {
    wide: false,
    render: (side, incidentId, leave) => {
      if (incidentId === null) renderActivity(side, leave);
      else renderIncident(side, incidentId, leave);
    },
  });
}
