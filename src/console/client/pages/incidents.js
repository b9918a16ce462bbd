import { segments } from "../parts/controls.js";
import { h } from "../parts/dom.js";
import { listing, split } from "../parts/listing.js";
import { severityPill, statusPill, when } from "../parts/words.js";
import { get, query } from "../state/api.js";
import { calmly, onLive, onReload } from "../state/live.js";
import { renderActivity } from "./chart.js";
import { renderIncident } from "./incident.js";

/** The live list of incidents, and beside it the one that is looked at, or the day's activity. */

/** @typedef {import("../../../contract/answers.ts").IncidentList} IncidentList */
/** @typedef {Omit<import("../../../contract/answers.ts").PagerDutyIncident, "description" | "customFields">} Row */

const FILTERS = [
  ["", "All"],
  ["investigating", "Open"],
  ["resolved", "Resolved"],
];

/** @param {Row} incident */
function row(incident) {
  const { incidentId, title, severity, pagerdutyStatus, service, sourceAlertId, startedAt } = incident;
  return h(
    "li",
    { class: `incident ${severity} ${incident.status}` },
    h(
      "a",
      { href: `#/incidents/${encodeURIComponent(incidentId)}` },
      h("span", { class: "title" }, title),
      h("span", { class: "tags" }, severityPill(severity), statusPill(pagerdutyStatus)),
      h(
        "span",
        { class: "meta" },
        `#${sourceAlertId} · ${service.name} · `,
        when(startedAt, "start unknown"),
      ),
    ),
  );
}

/** @param {Row} a @param {Row} b */
function newestFirst(a, b) {
  return (
    Date.parse(b.startedAt ?? "") - Date.parse(a.startedAt ?? "") || (a.incidentId < b.incidentId ? 1 : -1)
  );
}

/**
 * @param {HTMLElement} view
 * @param {AbortSignal} signal
 * @returns {(incidentId: string | null) => void}
 */
export function mountIncidents(view, signal) {
  let status = "";
  const filters = segments(FILTERS, (value) => {
    status = value;
    void incidents.refilter();
  });
  /** @type {ReturnType<typeof listing<Row>>} */
  const incidents = listing(
    {
      name: "Incidents",
      tools: [filters],
      layout: "",
      page: async (limit, cursor) => {
        /** @type {IncidentList} */
        const page = await get(`/incidents${query({ limit, status: status || null, cursor })}`);
        return { items: page.incidents, nextCursor: page.nextCursor };
      },
      keyOf: ({ incidentId }) => incidentId,
      row,
      wanted: (incident) => status === "" || incident.status === status,
      order: newestFirst,
      nothing: () => [
        "No incidents here",
        "They appear the moment PagerDuty tells of them. Nothing has to be reloaded.",
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
  const again = calmly(incidents.reload);
  onReload(again, signal);
  return split(view, incidents, signal, {
    wide: false,
    render: (side, incidentId, leave) => {
      if (incidentId === null) renderActivity(side, leave);
      else renderIncident(side, incidentId, leave);
    },
  });
}
