import * as z from "zod/mini";
import { Context } from "../incidents/context.ts";
import { Change, Incident, NotificationType, Provenance } from "../incidents/incident.ts";
import { Text, Time } from "./parts.ts";

/** Describes the requests to Aurora, in both formats, for the reference. The Worker does not load this file. */

/** The body in the format `notifications`. */
export const NotificationBody = z
  .object({
    type: NotificationType,
    timestamp: z.string(),
    data: z.object({
      userId: z.string(),
      orgId: Text,
      incident: Incident,
      change: Change,
      runbook: z.optional(z.nullable(z.object({ url: z.string(), content: Text, error: Text }))),
      context: z.optional(z.nullable(Context)),
      provenance: Provenance,
      event: z.unknown().register(z.globalRegistry, {
        description: "PagerDuty's event, unchanged; null unless its signature was verified.",
      }),
    }),
  })
  .register(z.globalRegistry, { id: "NotificationBody" });

/** The body in the format `v3`. */
export const V3Body = z
  .object({
    event: z.object({
      id: z.string(),
      event_type: z.enum([
        "incident.triggered",
        "incident.acknowledged",
        "incident.resolved",
        "incident.custom_field_values.updated",
      ]),
      resource_type: z.literal("incident"),
      occurred_at: Time,
      agent: z.unknown().register(z.globalRegistry, {
        description: "Who caused the event, according to PagerDuty; or null.",
      }),
      client: z.unknown().register(z.globalRegistry, {
        description: "The tool that caused the event, according to PagerDuty; or null.",
      }),
      data: z.record(z.string(), z.unknown()),
    }),
    aurora: z.object({ user_id: z.string(), org_id: Text }),
  })
  .register(z.globalRegistry, { id: "V3Body" });

/** One kind of request that the connector makes. */
export interface Sent {
  name: string;
  summary: string;
  description: string;
  body: z.core.$ZodType;
}

const ANSWER =
  "Any 2xx status accepts the request. After any other answer, or none within 15 s, it is sent again by DELIVERY_SCHEDULE. Retry-After is honoured up to an hour.";

export const SENT: readonly Sent[] = [
  {
    name: "v3",
    summary: "A PagerDuty V3 event, which Aurora reads (AURORA_EVENTS_FORMAT=v3)",
    description: `Sent to AURORA_EVENTS_URL for each change. \`event.id\` is the \`webhook-id\`. ${ANSWER}`,
    body: V3Body,
  },
  {
    name: "notifications",
    summary: "A notification for a receiver of your own (AURORA_EVENTS_FORMAT=notifications)",
    description: `Sent to AURORA_EVENTS_URL for each change, signed according to https://www.standardwebhooks.com. ${ANSWER}`,
    body: NotificationBody,
  },
];
