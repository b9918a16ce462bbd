import * as z from "zod";
import { Notification } from "../support/notification.ts";
import type { Heard } from "./receivers.ts";

/** Reconstructs each incident's state in Aurora from the accepted deliveries, in both formats. */

/** The members that are compared with PagerDuty's incident. */
export interface KnownIncident {
  title?: string;
  pagerdutyStatus?: string;
  status?: string;
  priority?: string | null;
  urgency?: string | null;
  customFields?: Record<string, unknown>;
}

export interface ReceivedDelivery {
  /** In `v3` a delivery can consist of two events. The second event's id is this id with a suffix. */
  id: string;
  /** The delivery's number in the journal, taken from the id. */
  seq: number;
  isAnalysis: boolean;
}

export interface Received {
  /** Sorted by the time at which Aurora first accepted each delivery. */
  deliveries: ReceivedDelivery[];
  known: KnownIncident;
  /** The state after each delivery, oldest first. */
  states: KnownIncident[];
}

const FieldUpdate = z.object({
  type: z.literal("incident_field_values"),
  incident: z.object({ id: z.string() }),
  custom_fields: z.array(z.object({ name: z.string(), value: z.unknown() })),
});
const WholeIncident = z.object({
  type: z.literal("incident"),
  id: z.string(),
  title: z.string(),
  status: z.string(),
  urgency: z.string(),
  priority: z.object({ summary: z.string() }).optional(),
  customFields: z.record(z.string(), z.unknown()),
});
const V3 = z.object({
  event: z.object({ data: z.discriminatedUnion("type", [FieldUpdate, WholeIncident]) }),
});

const ID = /^msg_([0-9a-z]+)_[0-9a-f-]{36}/;
/** In `v3`, an empty text stands for no value. */
const withoutEmpty = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "" && value !== null));

interface Reading {
  incidentId: string;
  isAnalysis: boolean;
  known: (before: KnownIncident) => KnownIncident;
}

function read({ format, text }: Heard): Reading {
  if (format === "notifications") {
    const { type, data } = Notification.parse(JSON.parse(text));
    const { incidentId, title, pagerdutyStatus, status, priority, urgency, customFields } = data.incident;
    const known = { title, pagerdutyStatus, status, priority, urgency, customFields };
    return { incidentId, isAnalysis: type === "incident.rca_requested", known: () => known };
  }
  const { data } = V3.parse(JSON.parse(text)).event;
  if (data.type === "incident_field_values") {
    const changed = Object.fromEntries(data.custom_fields.map(({ name, value }) => [name, value]));
    return {
      incidentId: data.incident.id,
      isAnalysis: false,
      known: (before) => ({
        ...before,
        customFields: withoutEmpty({ ...before.customFields, ...changed }),
      }),
    };
  }
  const known: KnownIncident = {
    title: data.title,
    pagerdutyStatus: data.status,
    status: data.status === "resolved" ? "resolved" : "investigating",
    priority: data.priority?.summary ?? null,
    urgency: data.urgency,
    customFields: withoutEmpty(data.customFields),
  };
  return { incidentId: data.id, isAnalysis: false, known: () => known };
}

/** Groups deliveries by incident id. */
export function receivedByIncident(heard: readonly Heard[]): Map<string, Received> {
  const incidents = new Map<string, Received>();
  for (const one of heard) {
    const { incidentId, isAnalysis, known } = read(one);
    const received = incidents.get(incidentId) ?? { deliveries: [], known: {}, states: [] };
    incidents.set(incidentId, received);
    const [id = "", number = ""] = ID.exec(one.id) ?? [];
    if (!received.deliveries.some((delivery) => delivery.id === id)) {
      received.deliveries.push({ id, seq: Number.parseInt(number, 36), isAnalysis });
    }
    // A request for analysis contains no new state.
    if (isAnalysis) continue;
    received.known = known(received.known);
    received.states.push(received.known);
  }
  return incidents;
}
