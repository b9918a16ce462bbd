import { RUNBOOK_FIELD, runbookUrlIn } from "../incidents/analysis.ts";
import type { Context } from "../incidents/context.ts";
import type { FieldValue, Incident, Named, Severity } from "../incidents/incident.ts";
import { isRecord, sizeOf } from "../incidents/json-size.ts";
import { storableJson, trimJson } from "../incidents/json-trim.ts";
import { cutText } from "../incidents/text.ts";
import { CUT_BY_AURORA, fitContext, inPieces, PIECES } from "./model-json.ts";

/**
 * Makes `data` of the V3 events: the members that Aurora reads, the context, and the other members of PagerDuty's
 * incident. Aurora needs `data` without null members, the service as a text, and a priority with the name P1 to P4.
 */

/** The sources of `data`. */
export interface KnownIncident {
  /** The incident as Aurora sees it, with texts that databases accept (`storableJson`). */
  incident: Incident;
  number: number;
  /** `event` of PagerDuty's webhook; null if there is none. */
  event: unknown;
}

/**
 * Aurora passes payloads of up to 15,000 characters to its language model. In a longer payload, Aurora replaces each
 * list and each object by a count, and cuts texts to 80 characters. 1,000 characters stay free for custom fields that
 * arrive in the 5 s before Aurora's analysis.
 */
const MAX_TRIGGERED_CHARS = 14_000;
/**
 * The limits of the parts of a triggered event's `data`. If every part reaches its limit, about 3,000 characters remain
 * for the members of `coreOf` and for the context.
 */
const MAX_DETAILS_CHARS = 2000;
const MAX_FIELDS_CHARS = 5000;
const MAX_PEOPLE_CHARS = 1000;
/** Limits the total size of the members that `othersOf` returns. */
const MAX_OTHERS_CHARS = 1000;

/** The widths of Aurora's columns, in characters. A longer text makes Aurora's task fail. */
const MAX_STATUS_CHARS = 50;
const MAX_URGENCY_CHARS = 20;

/** The substrings that Aurora searches for in the priority's name. */
const PRIORITY_NAMES: Record<Severity, string> = { critical: "P1", high: "P2", medium: "P3", low: "P4" };

/**
 * Returns `data` for `incident.acknowledged` and `incident.resolved`. Does not limit the length of the description or
 * of the custom fields.
 */
export function incidentData({ incident, number, event }: KnownIncident): Record<string, unknown> {
  const data = coreOf(incident, number);
  for (const { name, value } of partsOf(incident)) data[name] = value;
  return { ...othersOf(event, incident), ...data };
}

/** Returns `data` of `incident.triggered`, shortened so that Aurora passes all of it to its language model. */
export function triggeredData(
  { incident, number, event }: KnownIncident,
  context: Context | null,
): Record<string, unknown> {
  const data = coreOf(incident, number);
  const others = othersOf(event, incident);
  let left = MAX_TRIGGERED_CHARS - sizeOf(data, CUT_BY_AURORA) - sizeOf(others, PIECES);
  const costOf = (name: string) => PIECES.text(name) + 2 * PIECES.separator;
  for (const { name, value, maxChars } of partsOf(incident)) {
    const fitting = trimJson(value, Math.min(maxChars, left - costOf(name)), PIECES);
    if (fitting === undefined) continue;
    data[name] = inPieces(fitting);
    left -= costOf(name) + sizeOf(fitting, PIECES);
  }
  const fitting = context && fitContext(context, left - costOf("context"));
  return { ...others, ...data, ...(fitting === null ? {} : { context: fitting }) };
}

/**
 * Returns the members that Aurora's task reads. The task expects texts, so no text is split into a list (`inPieces`).
 */
function coreOf(incident: Incident, number: number): Record<string, unknown> {
  const { url, incidentKey, alertFiredAt, priority } = incident;
  return {
    id: incident.incidentId,
    type: "incident",
    number,
    status: cutText(incident.pagerdutyStatus, MAX_STATUS_CHARS),
    title: incident.title,
    urgency: cutText(incident.urgency ?? "unknown", MAX_URGENCY_CHARS),
    ...(url === null ? {} : { html_url: url }),
    ...(incidentKey === null ? {} : { incident_key: incidentKey }),
    ...(alertFiredAt === null ? {} : { created_at: alertFiredAt }),
    service: incident.service.name,
    ...(priority === null
      ? {}
      : { priority: { summary: priority, name: PRIORITY_NAMES[incident.severity] } }),
  };
}

const reference = (type: string, { id, name }: Named) => ({ id, type: `${type}_reference`, summary: name });

interface Part {
  name: string;
  value: unknown;
  /** `triggeredData` trims the value to this size, measured with `PIECES`. */
  maxChars: number;
}

/** Returns the members that may be long, the most useful ones first. */
function partsOf({ description, assignees, teams, escalationPolicy, customFields }: Incident): Part[] {
  const people = { maxChars: MAX_PEOPLE_CHARS };
  return [
    ...(description ? [{ name: "body", value: { details: description }, maxChars: MAX_DETAILS_CHARS }] : []),
    { name: "customFields", value: readable(customFields), maxChars: MAX_FIELDS_CHARS },
    { name: "assignees", value: assignees.map((user) => reference("user", user)), ...people },
    { name: "teams", value: teams.map((team) => reference("team", team)), ...people },
    ...(escalationPolicy
      ? [{ name: "escalation_policy", value: reference("escalation_policy", escalationPolicy), ...people }]
      : []),
  ];
}

/** Members of PagerDuty's incident that are not copied: the connector sets them itself, or leaves them out. */
const OURS = new Set([
  ...["id", "type", "number", "status", "title", "urgency", "html_url", "incident_key", "created_at"],
  ...["service", "priority", "body", "customFields", "assignees", "teams", "escalation_policy", "context"],
]);

/** Returns the members of PagerDuty's incident that are not in `OURS`, limited to `MAX_OTHERS_CHARS`. */
function othersOf(event: unknown, { incidentId }: Incident): Record<string, unknown> {
  const data = isRecord(event) ? event["data"] : null;
  if (!isRecord(data) || data["type"] !== "incident" || data["id"] !== incidentId) return {};
  const others = Object.fromEntries(Object.entries(data).filter(([name]) => !OURS.has(name)));
  const bounded = inPieces(trimJson(storableJson(others), MAX_OTHERS_CHARS, PIECES));
  return isRecord(bounded) ? bounded : {};
}

/** Reduces the runbook field to its first URL, or else its first text: Aurora fetches the whole value as a URL. */
function readable(fields: Record<string, FieldValue>): Record<string, FieldValue> {
  if (!Object.hasOwn(fields, RUNBOOK_FIELD)) return fields;
  return { ...fields, [RUNBOOK_FIELD]: runbookUrlIn(fields[RUNBOOK_FIELD]) ?? "" };
}

/**
 * Returns `data` of `incident.custom_field_values.updated`. A field that lost its value is sent as an empty text, which
 * Aurora skips.
 * @param names the fields that changed; null sends all fields, within `MAX_FIELDS_CHARS`
 */
export function fieldUpdate({ incidentId, customFields }: Incident, names: readonly string[] | null) {
  const fields = names ? readable(customFields) : fittingFields(readable(customFields));
  return {
    type: "incident_field_values",
    incident: { id: incidentId, type: "incident_reference" },
    custom_fields: (names ?? Object.keys(fields)).map((name) => ({
      name,
      value: Object.hasOwn(fields, name) ? fields[name] : "",
    })),
  };
}

/** Shortens the custom fields, because Aurora adds them to the triggered event's `data`. Keeps the runbook's URL whole. */
function fittingFields(fields: Record<string, FieldValue>): Record<string, unknown> {
  const fitting = trimJson(fields, MAX_FIELDS_CHARS, PIECES);
  const runbook = Object.hasOwn(fields, RUNBOOK_FIELD) ? { [RUNBOOK_FIELD]: fields[RUNBOOK_FIELD] } : {};
  return { ...(isRecord(fitting) ? fitting : {}), ...runbook };
}
