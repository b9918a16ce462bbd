import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { type Json, jsonbRefusal } from "../prompt/jsonb.ts";
import type { EventRow, IncidentRow } from "../tables.ts";
import { scheduleAnalysis } from "./analysis-task.ts";
import { integerColumn, textColumn } from "./columns.ts";
import type { TaskContext } from "./context.ts";
import { correlate } from "./correlation.ts";
import * as reading from "./event-reading.ts";
import { FIELD_EVENT, processFieldUpdate } from "./field-task.ts";
import { readNumber } from "./number-lookup.ts";
import { get, isTrue, PythonError } from "./python.ts";

/** Does what Aurora's `process_pagerduty_event` does (server/routes/pagerduty/tasks.py). */

const TRIGGERED = "incident.triggered";

interface Incoming {
  readonly userId: string;
  readonly organisation: string;
  readonly eventType: string;
  readonly incident: Json;
  readonly number: Json;
  readonly payload: Json;
}

/**
 * The event's row stays if a later step fails, so each attempt adds a row.
 * @param payload has a member `event`
 * @throws {PythonError} if Aurora's task raises an exception
 */
export async function processEvent(context: TaskContext, userId: string, payload: Json): Promise<void> {
  const event = get(payload, "event");
  const eventType = String(get(event, "event_type", ""));
  if (eventType === FIELD_EVENT) {
    processFieldUpdate(context, userId, payload);
    return;
  }
  const incident = get(event, "data", {});
  const number = await readNumber(context, userId, incident);
  const organisation = context.directory.organisationOf(userId);
  if (!isTrue(number) || organisation === null) {
    const reason = isTrue(number) ? "no_organisation" : "no_number";
    const incidentId = textColumn(get(incident, "id"));
    context.tables.drops.push({
      userId,
      eventType,
      incidentId,
      reason,
      detail: "the task returned silently",
    });
    return;
  }
  await storeIncident(context, { userId, organisation, eventType, incident, number, payload });
}

async function storeIncident(context: TaskContext, incoming: Incoming): Promise<void> {
  const { tables, settings } = context;
  const { userId, organisation, eventType, incident } = incoming;
  const event = addEventRow(context, incoming);
  const firedAt = reading.readFiredAt(incident);
  const severity = reading.readSeverity(incident);
  const status = reading.readStatus(incident);
  const number = integerColumn(incoming.number);
  // Aurora reads the incident's custom fields before the correlation and writes them after it. Fields that arrive in
  // between are lost.
  const existing = tables.incidents.find((row) => row.userId === userId && row.number === number);
  const metadata = reading.readMetadata(incident, existing?.metadata ?? null);
  const service = event.serviceName ?? "unknown";
  if (eventType === TRIGGERED) {
    if (settings.correlationLatencyMs > 0) await wait(settings.correlationLatencyMs);
    if (joinIncident(context, event, service)) return;
  }
  const nowMs = settings.nowMs();
  let row = tables.incident(userId, organisation, number);
  const previous = row?.status ?? null;
  if (row === null) {
    row = newRow(incoming, number, event, service, { severity, status, metadata, nowMs });
    tables.incidents.push(row);
  }
  if (row.status === "resolved" && status !== "resolved") row.startedAtMs = event.receivedAtMs;
  Object.assign(row, { severity, status, metadata, updatedAtMs: nowMs, firedAt: firedAt ?? row.firedAt });
  if (eventType === TRIGGERED) row.affectedServices = [service];
  if (previous === null && eventType === TRIGGERED) {
    row.lifecycle.push({ event: "created", from: null, to: "investigating" });
  } else if (previous !== null && previous !== status) {
    row.lifecycle.push({
      event: status === "resolved" ? "resolved" : "status_changed",
      from: previous,
      to: status,
    });
  }
  if (eventType === TRIGGERED) scheduleAnalysis(context, row, event);
}

function addEventRow({ tables, settings }: TaskContext, incoming: Incoming): EventRow {
  const { userId, organisation, eventType, incident, payload } = incoming;
  const refusal = jsonbRefusal(payload);
  if (refusal !== null) throw new PythonError("DatabaseError", refusal);
  return tables.addEvent({
    userId,
    organisation,
    eventType: textColumn(eventType, 100) ?? "",
    incidentId: textColumn(get(incident, "id"), 255),
    title: textColumn(get(incident, "title", "Untitled Incident")),
    status: textColumn(get(incident, "status", "unknown"), 50),
    urgency: textColumn(get(incident, "urgency", "unknown"), 20),
    serviceName: textColumn(reading.readServiceName(incident), 255),
    serviceId: textColumn(reading.readServiceId(incident), 255),
    payload,
    receivedAtMs: settings.nowMs(),
  });
}

/** `handle_correlated_alert` */
function joinIncident({ tables, settings }: TaskContext, event: EventRow, service: string): boolean {
  if (!settings.memgraph) return false;
  const atMs = settings.nowMs();
  const open = tables.incidents.filter(
    (row) => row.organisation === event.organisation && row.status === "investigating",
  );
  const incident = correlate({ title: event.title, service, atMs }, open);
  if (incident === null) return false;
  incident.correlatedAlerts += 1;
  incident.updatedAtMs = atMs;
  if (!incident.affectedServices.includes(service)) incident.affectedServices.push(service);
  const { userId, eventType, incidentId } = event;
  const detail = `joined incident ${incident.number}`;
  tables.drops.push({ userId, eventType, incidentId, reason: "correlated", detail });
  return true;
}

function newRow(
  { userId, organisation }: Incoming,
  number: number,
  event: EventRow,
  service: string,
  { nowMs, ...read }: Pick<IncidentRow, "severity" | "status" | "metadata"> & { nowMs: number },
): IncidentRow {
  return {
    id: randomUUID(),
    userId,
    organisation,
    number,
    title: event.title,
    service,
    ...read,
    startedAtMs: event.receivedAtMs,
    updatedAtMs: nowMs,
    firedAt: null,
    affectedServices: [],
    correlatedAlerts: 0,
    lifecycle: [],
    analysisTaskId: null,
    analysisSessionId: null,
  };
}
