import { get, query } from "./api.js";
import { renderActivity } from "./chart.js";
import { action, empty, failed, loading, segments } from "./controls.js";
import { h, keep } from "./dom.js";
import { renderIncident } from "./incident.js";
import { calmly, onLive } from "./live.js";
import { severityPill, statusPill, when } from "./words.js";

/** The live list of incidents, and beside it the one that is looked at, or the day's activity. */

/** @typedef {import("../../http/answers.ts").IncidentList} IncidentList */
/** @typedef {Omit<import("../../http/answers.ts").PagerDutyIncident, "description" | "customFields">} Row */

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
  /** @type {Map<string, Row>} */
  const known = new Map();
  /** @type {string | null} */
  let cursor = null;
  /** @type {string | null} */
  let chosen = null;
  let status = "";
  let loads = 0;

  const list = h("ul", { class: "rows", "aria-label": "Incidents" });
  const note = h("div");
  const more = action("Load more", () => load(false));
  const filters = segments(FILTERS, (value) => {
    status = value;
    void load(true);
  });
  const side = h("div", { class: "side" });
  const split = h(
    "div",
    { class: "split" },
    h(
      "section",
      { class: "panel list" },
      h("div", { class: "panel-head" }, h("h1", null, "Incidents"), filters),
      list,
      note,
      more,
    ),
    side,
  );
  view.replaceChildren(split);

  function show() {
    const rows = [...known.values()]
      .filter((one) => status === "" || one.status === status)
      .sort(newestFirst);
    keep(list, rows, ({ incidentId }) => incidentId, row);
    for (const item of list.querySelectorAll("a")) {
      const current = item.getAttribute("href") === `#/incidents/${encodeURIComponent(chosen ?? "")}`;
      if (current) item.setAttribute("aria-current", "true");
      else item.removeAttribute("aria-current");
    }
    more.hidden = cursor === null;
    note.replaceChildren(
      ...(rows.length === 0 && loads > 0
        ? [
            empty(
              "No incidents here",
              h("p", null, "They appear the moment PagerDuty tells of them. Nothing has to be reloaded."),
            ),
          ]
        : []),
    );
  }

  /** @param {boolean} anew */
  async function load(anew) {
    try {
      /** @type {IncidentList} */
      const page = await get(
        `/incidents${query({ limit: 50, status: status || null, cursor: anew ? null : cursor })}`,
      );
      if (signal.aborted) return;
      if (anew) known.clear();
      for (const incident of page.incidents) known.set(incident.incidentId, incident);
      cursor = page.nextCursor;
      loads += 1;
      show();
    } catch (error) {
      if (loads === 0) note.replaceChildren(failed(error, () => load(true)));
    }
  }

  let leaveSide = new AbortController();
  signal.addEventListener("abort", () => leaveSide.abort());
  const again = calmly(() => load(true));
  onLive(
    "incident",
    (message) => {
      if (message.type !== "incident") return;
      known.set(message.incident.incidentId, message.incident);
      show();
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
  note.replaceChildren(loading("Loading incidents"));
  void load(true);

  return (incidentId) => {
    const before = chosen;
    chosen = incidentId;
    leaveSide.abort();
    leaveSide = new AbortController();
    split.classList.toggle("has-detail", incidentId !== null);
    if (incidentId === null) renderActivity(side, leaveSide.signal);
    else renderIncident(side, incidentId, leaveSide.signal);
    show();
    if (incidentId === null && before !== null) {
      const link = list.querySelector(`[data-key="${CSS.escape(before)}"] a`);
      if (link instanceof HTMLElement) link.focus();
    }
  };
}
