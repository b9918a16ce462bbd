import { createHmac } from "node:crypto";
import * as z from "zod";
import type { Reference } from "./reference.ts";

/** A V3 webhook event, as PagerDuty sends it in `event`. */
export interface WebhookEvent {
  readonly id: string;
  readonly event_type: string;
  readonly resource_type: string;
  /** ISO 8601 with milliseconds, UTC. */
  readonly occurred_at: string;
  readonly agent: Reference | null;
  readonly client: { readonly name: string } | null;
  readonly data: unknown;
}

/** The event types that PagerDuty documents (V3 overview and early access, August 2026). */
export const EVENT_TYPES: readonly string[] = [
  "incident.acknowledged",
  "incident.action_invocation.created",
  "incident.action_invocation.terminated",
  "incident.action_invocation.updated",
  "incident.annotated",
  "incident.conference_bridge.updated",
  "incident.custom_field_values.updated",
  "incident.delegated",
  "incident.escalated",
  "incident.incident_type.changed",
  "incident.priority_updated",
  "incident.reassigned",
  "incident.reopened",
  "incident.resolved",
  "incident.responder.added",
  "incident.responder.replied",
  "incident.role.assigned",
  "incident.service_updated",
  "incident.status_update_published",
  "incident.task.created",
  "incident.task.deleted",
  "incident.task.updated",
  "incident.triggered",
  "incident.unacknowledged",
  "incident.workflow.completed",
  "incident.workflow.started",
  "service.created",
  "service.custom_field_values.updated",
  "service.deleted",
  "service.updated",
];

/** The body of a webhook, byte for byte as it is sent and signed. */
export function webhookBody(event: WebhookEvent): string {
  return JSON.stringify({ event });
}

/** Returns the body of an incident's first webhook. */
export function firstBody({ events: [event] }: { readonly events: readonly WebhookEvent[] }): string {
  if (!event) throw new Error("The incident has no event");
  return webhookBody(event);
}

/** The value of `X-PagerDuty-Signature` for one secret: `v1=` and the hex HMAC-SHA256 of the raw body. */
export function sign(secret: string, body: string | Uint8Array): string {
  return `v1=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

const IncidentData = z.looseObject({ id: z.string(), type: z.literal("incident") });
const AboutIncident = z.looseObject({ incident: z.looseObject({ id: z.string() }) });

/** Returns the id of the event's incident; null if the event has no incident. */
export function incidentIdOf(data: unknown): string | null {
  const incident = IncidentData.safeParse(data);
  if (incident.success) return incident.data.id;
  const about = AboutIncident.safeParse(data);
  return about.success ? about.data.incident.id : null;
}
