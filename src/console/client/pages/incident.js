import { fact, idLine, loading } from "../parts/controls.js";
import { h, outerLink } from "../parts/dom.js";
import { moment, numberOf, pill, severityMark, statusMark, when, words } from "../parts/words.js";
import { get } from "../state/api.js";
import { calmly, onLive } from "../state/live.js";
import { reading } from "../state/reading.js";
import { status } from "../state/store.js";
import { contextSection } from "./context.js";
import { statePill } from "./delivery.js";
import { outcomePill } from "./events.js";
import { notesSection } from "./notes.js";

/** One incident: its values, its analysis, and its timeline. */

/** @typedef {import("../../../contract/answers.ts").IncidentDetail} IncidentDetail */

/** @param {IncidentDetail["teams"]} references */
const namesOf = (references) => references.map(({ name }) => name).join(", ");

/** @param {IncidentDetail} incident */
function facts(incident) {
  const lines = [
    fact("Service", incident.service.name),
    fact("Priority", incident.priority ?? "none"),
    fact("Urgency", words(incident.urgency ?? "unknown")),
    fact("Started", moment(incident.startedAt, "unknown")),
  ];
  if (incident.resolvedAt) lines.push(fact("Resolved", moment(incident.resolvedAt)));
  const { assignees, teams, escalationPolicy } = incident;
  if (assignees.length > 0) lines.push(fact("Assigned to", namesOf(assignees)));
  if (teams.length > 0) lines.push(fact("Teams", namesOf(teams)));
  if (escalationPolicy) lines.push(fact("Escalation policy", escalationPolicy.name));
  for (const [name, value] of Object.entries(incident.customFields)) {
    const text = String(value);
    lines.push(fact(name, outerLink(text, text) ?? text));
  }
  return h("dl", { class: "facts" }, lines);
}

/**
 * The delivery that makes Aurora start its analysis. In format `v3`, Aurora starts the analysis if the incident's
 * first delivery is an `incident.triggered`.
 * @param {IncidentDetail} incident
 */
const requestIn = ({ deliveries }) =>
  deliveries.find(({ change }) => change === "rca_requested") ??
  deliveries.find(({ change, type }) => change === "created" && type === "incident.triggered");

/** True if nothing is sent to Aurora, because no address at Aurora is configured. */
function isOff() {
  const now = status();
  return now?.connected && now.delivery.target === null;
}

/** The analysis's label, which is green only if Aurora accepted the request. @param {IncidentDetail} incident */
function analysisPill(incident) {
  const { state } = incident.analysis;
  if (state !== "requested")
    return pill("quiet", state === "none" ? "Not requested" : "Waiting for a runbook");
  switch (requestIn(incident)?.state) {
    case "delivered":
      return pill("ok", "Accepted by Aurora");
    case "pending":
      return pill("warn", "Not yet accepted by Aurora");
    case "dead":
      return pill("bad", "Not accepted by Aurora");
    default:
      return pill("quiet", isOff() ? "Not sent to Aurora" : "Requested");
  }
}

/** @param {IncidentDetail} incident */
function analysisBox(incident) {
  const { analysis } = incident;
  /** @type {import("../parts/dom.js").Child[]} */
  const rest = [];
  if (analysis.state === "requested") {
    rest.push(" · ", moment(analysis.at));
    const runbook = outerLink(analysis.runbookUrl, "runbook");
    if (runbook) rest.push(" · ", runbook);
  }
  return h(
    "section",
    { class: "analysis" },
    h("h2", null, "Root-cause analysis"),
    h("p", null, analysisPill(incident), rest),
    h("p", { class: "muted" }, `${analysis.reason}.`),
  );
}

/** @param {IncidentDetail["timeline"][number]} line */
function timelineItem({ at, kind, from, to, text }) {
  const change = from !== null && to !== null && from !== to ? `${words(from)} → ${words(to)}` : null;
  const label = kind === "rca_requested" ? "Analysis requested" : words(kind.replace(/^incident\./, ""));
  return h(
    "li",
    { class: `mark ${kind}` },
    h("div", null, h("strong", null, label), change && h("span", { class: "muted" }, ` ${change}`)),
    text && h("p", { class: "text" }, text),
    h("p", { class: "meta" }, moment(at, "")),
  );
}

/** @param {IncidentDetail["events"][number]} event */
function eventItem({ webhookId, type, outcome, receivedAt }) {
  const name = webhookId ? h("a", { href: `#/events/${encodeURIComponent(webhookId)}` }, type) : type;
  return h(
    "li",
    null,
    h("span", { class: "mono" }, name),
    outcomePill(outcome),
    h("span", { class: "meta" }, when(receivedAt, "")),
  );
}

/** @param {IncidentDetail["deliveries"][number]} delivery */
function deliveryItem({ id, type, version, state, createdAt, deliveredAt, cause }) {
  return h(
    "li",
    null,
    h(
      "div",
      null,
      h(
        "a",
        { class: "mono", href: `#/deliveries/${encodeURIComponent(id)}` },
        `${type ?? "notification"} v${version ?? "?"}`,
      ),
      cause && state !== "delivered" ? h("p", { class: "error" }, cause) : null,
    ),
    statePill(state),
    h("span", { class: "meta" }, when(deliveredAt ?? createdAt, "")),
  );
}

/** The list of deliveries, newest first. @param {IncidentDetail["deliveries"]} deliveries */
function deliveries(deliveries) {
  if (deliveries.length > 0)
    return h("ul", { class: "event-lines" }, deliveries.toReversed().map(deliveryItem));
  return h(
    "p",
    { class: "muted" },
    isOff()
      ? "Nothing is sent: no address at Aurora is configured."
      : "No delivery of this incident is stored.",
  );
}

const back = () => h("a", { class: "back", href: "#/incidents" }, "← All incidents");

/** @param {IncidentDetail} incident @param {HTMLElement} notes */
function article(incident, notes) {
  return h(
    "article",
    { class: "panel detail", "aria-labelledby": "incident-title" },
    h("div", { class: "panel-head" }, back(), outerLink(incident.url, "Open in PagerDuty ↗")),
    h("h1", { id: "incident-title", tabindex: -1 }, incident.title),
    h(
      "p",
      { class: "tags" },
      severityMark(incident.severity),
      statusMark(incident.pagerdutyStatus),
      h(
        "span",
        { class: "meta" },
        `${numberOf(incident.sourceAlertId, incident.incidentId)} · version ${incident.version}`,
      ),
    ),
    idLine("id", incident.incidentId),
    incident.description ? h("p", { class: "text" }, incident.description) : null,
    facts(incident),
    analysisBox(incident),
    h("h2", null, "Deliveries to Aurora"),
    deliveries(incident.deliveries),
    contextSection(incident.context),
    notes,
    h("h2", null, "Timeline"),
    h("ol", { class: "timeline" }, incident.timeline.toReversed().map(timelineItem)),
    h("h2", null, "Events"),
    h("ul", { class: "event-lines" }, incident.events.toReversed().map(eventItem)),
  );
}

/**
 * @param {HTMLElement} side
 * @param {string} incidentId
 * @param {AbortSignal} signal
 */
export function renderIncident(side, incidentId, signal) {
  let shown = "";
  const notes = notesSection(incidentId, signal);
  async function read() {
    /** @type {IncidentDetail} */
    const incident = await get(`/incidents/${encodeURIComponent(incidentId)}`);
    if (signal.aborted || shown === JSON.stringify(incident)) return;
    const first = shown === "";
    // If a note is being written, its field keeps the focus.
    const field = notes.section.contains(document.activeElement) ? document.activeElement : null;
    // Redrawing removes the focused element, so the focus moves to the title.
    const inside = side.contains(document.activeElement);
    side.replaceChildren(article(incident, notes.section));
    shown = JSON.stringify(incident);
    if (field instanceof HTMLElement) field.focus({ preventScroll: true });
    else if (first || inside) document.getElementById("incident-title")?.focus({ preventScroll: !first });
    await notes.load();
  }
  const place = h("div", null, loading("Loading the incident"));
  const load = reading(read, signal, { isShown: () => shown !== "", place });
  const again = calmly(load);
  onLive(
    "incident",
    (message) => {
      if (message.type === "incident" && message.incident.incidentId === incidentId) again();
    },
    signal,
  );
  onLive(
    "delivery",
    (message) => {
      if (message.type === "delivery" && message.delivery.incidentId === incidentId) again();
    },
    signal,
  );
  onLive("status", again, signal);
  // On a narrow screen the incident is the whole page, which needs a heading and a link back in every state.
  const heading = h("h1", { class: "hidden" }, "Incident");
  side.replaceChildren(
    h("div", { class: "panel" }, h("div", { class: "panel-head" }, back()), heading, place),
  );
  void load();
}
