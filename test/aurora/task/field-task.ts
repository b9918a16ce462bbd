import { type Json, jsonbRefusal } from "../prompt/jsonb.ts";
import type { DropReason } from "../tables.ts";
import { textColumn } from "./columns.ts";
import type { TaskContext } from "./context.ts";
import { get, isDict, isTrue, PythonError } from "./python.ts";

/** Does what Aurora's `_process_custom_field_update` does (server/routes/pagerduty/tasks.py). */

export const FIELD_EVENT = "incident.custom_field_values.updated";

/**
 * Aurora skips an emptied field, so it never clears a field.
 * @throws {PythonError} if `data` or a field is not an object
 */
export function readFieldUpdate(data: Json): { [name: string]: Json } {
  const updates = get(data, "custom_fields", []);
  const fields: { [name: string]: Json } = {};
  for (const update of Array.isArray(updates) ? updates : []) {
    const name = get(update, "name");
    const value = get(update, "value");
    if (typeof name === "string" && name !== "" && isTrue(value)) fields[name] = value;
  }
  return fields;
}

/** @throws {PythonError} if Aurora's task raises an exception */
export function processFieldUpdate(
  { directory, tables, settings }: TaskContext,
  userId: string,
  payload: Json,
): void {
  const data = get(get(payload, "event"), "data", {});
  const incidentId = textColumn(get(get(data, "incident", {}), "id"), 255);
  const drop = (reason: DropReason, detail: string) =>
    tables.drops.push({ userId, eventType: FIELD_EVENT, incidentId, reason, detail });
  const fields = incidentId === null ? {} : readFieldUpdate(data);
  if (!isTrue(fields)) {
    drop("no_fields", "no field has a name and a value");
    return;
  }
  const organisation = directory.organisationOf(userId);
  if (organisation === null) {
    drop("no_organisation", "the task returned silently");
    return;
  }
  const refusal = jsonbRefusal(payload);
  if (refusal !== null) throw new PythonError("DatabaseError", refusal);
  const receivedAtMs = settings.nowMs();
  const none = { title: null, status: null, urgency: null, serviceName: null, serviceId: null };
  tables.addEvent({
    userId,
    organisation,
    eventType: FIELD_EVENT,
    incidentId,
    ...none,
    payload,
    receivedAtMs,
  });
  const incident = tables.incidents
    .filter((row) => row.userId === userId && row.metadata["incidentId"] === incidentId)
    .sort((a, b) => b.updatedAtMs - a.updatedAtMs)[0];
  if (incident === undefined) {
    drop("unknown_incident", `no incident has ${Object.keys(fields).join(", ")}`);
    return;
  }
  const known = incident.metadata["customFields"] ?? {};
  incident.metadata = { ...incident.metadata, customFields: { ...(isDict(known) ? known : {}), ...fields } };
  incident.updatedAtMs = receivedAtMs;
}
