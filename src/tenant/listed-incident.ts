import type { FieldValue, Incident } from "../incidents/incident.ts";
import { firstChars } from "../incidents/text.ts";

/**
 * An RPC answer can have at most 32 MiB, and a page has up to 100 incidents. So lists shorten the long parts of an
 * incident; `GET /pagerduty/incidents/{incidentId}` returns these parts unshortened.
 */
const MAX_TEXT_CHARS = 2_000;
const MAX_LISTED_FIELDS_CHARS = 32_000;

const cut = (text: string) => (text.length > MAX_TEXT_CHARS ? `${firstChars(text, MAX_TEXT_CHARS)}…` : text);
const cutOrNull = (text: string | null) => (text === null ? null : cut(text));

function shortValue(value: FieldValue): FieldValue {
  if (typeof value === "string") return cut(value);
  const json = JSON.stringify(value) ?? "";
  return json.length > MAX_TEXT_CHARS ? cut(json) : value;
}

function shortFields(fields: Record<string, FieldValue>): Record<string, FieldValue> {
  let room = MAX_LISTED_FIELDS_CHARS;
  const kept = Object.entries(fields).map(([name, value]): [string, FieldValue] => [name, shortValue(value)]);
  return Object.fromEntries(
    kept.filter(([name, value]) => {
      const size = name.length + (JSON.stringify(value) ?? "").length;
      if (size > room) return false;
      room -= size;
      return true;
    }),
  );
}

/** Returns an incident as lists show it. */
export function listedIncident(incident: Incident): Incident {
  return {
    ...incident,
    title: cut(incident.title),
    service: { id: cutOrNull(incident.service.id), name: cut(incident.service.name) },
    pagerdutyStatus: cut(incident.pagerdutyStatus),
    urgency: cutOrNull(incident.urgency),
    priority: cutOrNull(incident.priority),
    url: cutOrNull(incident.url),
    incidentKey: cutOrNull(incident.incidentKey),
    description: cutOrNull(incident.description),
    customFields: shortFields(incident.customFields),
  };
}
