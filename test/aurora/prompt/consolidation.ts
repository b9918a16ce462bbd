import type { PythonValue } from "./jsonb.ts";

/** Does what Aurora's `fetch_and_consolidate_pagerduty_events` does (server/routes/pagerduty/runbook_utils.py). */

export interface StoredEvent {
  readonly eventType: string;
  readonly payload: PythonValue;
}

/**
 * Returns `data` of the last triggered event, with every custom field that was stored for the incident. Without a
 * triggered event, returns `data` of the last event.
 * @param events the events of one incident, oldest first
 */
export function consolidate(events: readonly StoredEvent[]): PythonValue {
  const triggered = events.findLast(({ eventType }) => eventType === "incident.triggered");
  const data = dataOf((triggered ?? events.at(-1))?.payload ?? null);
  const fields = new Map<string, PythonValue>();
  for (const { eventType, payload } of events) {
    if (eventType === "incident.custom_field_values.updated") addFields(fields, dataOf(payload));
  }
  if (triggered === undefined || fields.size === 0 || !(data instanceof Map)) return data;
  const known = data.has("customFields") ? data.get("customFields") : new Map<string, PythonValue>();
  // Here Aurora's merge fails, and Aurora uses `data` unchanged.
  if (!(known instanceof Map)) return data;
  return new Map(data).set("customFields", new Map([...known, ...fields]));
}

/**
 * Adds every field, even if PagerDuty emptied it. Aurora's table `incidents` differs: it keeps the old value of an
 * emptied field.
 */
function addFields(fields: Map<string, PythonValue>, data: PythonValue): void {
  const updates = data instanceof Map ? data.get("custom_fields") : undefined;
  for (const update of Array.isArray(updates) ? updates : []) {
    const name = update instanceof Map ? update.get("name") : undefined;
    if (update instanceof Map && typeof name === "string" && name !== "") {
      fields.set(name, update.get("value") ?? null);
    }
  }
}

function dataOf(payload: PythonValue): PythonValue {
  const event = payload instanceof Map ? payload.get("event") : undefined;
  return event instanceof Map ? (event.get("data") ?? null) : null;
}
