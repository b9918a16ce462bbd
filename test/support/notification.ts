import * as z from "zod";

const Time = z.iso.datetime({ offset: true });
const NullableText = z.nullable(z.string());

const Named = z.strictObject({ id: z.string().min(1), name: z.string().min(1) });

const NotifiedIncident = z.strictObject({
  sourceType: z.literal("pagerduty"),
  sourceAlertId: z.string().min(1),
  incidentId: z.string().min(1),
  title: z.string().min(1),
  service: z.strictObject({ id: NullableText, name: z.string().min(1) }),
  severity: z.enum(["critical", "high", "medium", "low"]),
  status: z.enum(["investigating", "resolved"]),
  pagerdutyStatus: z.string().min(1),
  urgency: NullableText,
  priority: NullableText,
  url: z.nullable(z.url()),
  incidentKey: NullableText,
  description: NullableText,
  assignees: z.array(Named),
  teams: z.array(Named),
  escalationPolicy: z.nullable(Named),
  alertFiredAt: z.nullable(Time),
  startedAt: z.nullable(Time),
  resolvedAt: z.nullable(Time),
  customFields: z.record(z.string(), z.unknown()),
  version: z.int().positive(),
});

const ContextLink = z.strictObject({ href: z.url(), text: NullableText });
const Context = z.strictObject({
  alerts: z.nullable(
    z
      .array(
        z.strictObject({
          id: z.string(),
          summary: NullableText,
          severity: NullableText,
          status: NullableText,
          createdAt: NullableText,
          url: NullableText,
          source: NullableText,
          details: z.unknown(),
          links: z.array(ContextLink),
        }),
      )
      .max(20),
  ),
  changes: z.nullable(
    z
      .array(
        z.strictObject({
          summary: NullableText,
          timestamp: NullableText,
          source: NullableText,
          reason: NullableText,
          details: z.unknown(),
          links: z.array(ContextLink),
        }),
      )
      .max(10),
  ),
  pastIncidents: z.nullable(
    z
      .array(
        z.strictObject({
          incidentId: z.string(),
          title: NullableText,
          createdAt: NullableText,
          score: z.nullable(z.number()),
          url: NullableText,
        }),
      )
      .max(10),
  ),
  relatedIncidents: z.nullable(
    z
      .array(
        z.strictObject({
          incidentId: z.string(),
          title: NullableText,
          createdAt: NullableText,
          status: NullableText,
          url: NullableText,
        }),
      )
      .max(10),
  ),
  notes: z.nullable(
    z.array(z.strictObject({ text: z.string(), by: NullableText, createdAt: NullableText })).max(10),
  ),
  missing: z.array(
    z.strictObject({
      part: z.enum(["alerts", "changes", "pastIncidents", "relatedIncidents", "notes"]),
      reason: z.enum([
        "forbidden",
        "not_found",
        "not_in_plan",
        "rate_limited",
        "timed_out",
        "too_large",
        "unavailable",
      ]),
    }),
  ),
});

const CHANGE_KINDS = [
  "created",
  "status_changed",
  "resolved",
  "reopened",
  "updated",
  "custom_fields_updated",
  "rca_requested",
] as const;

const NOTIFICATION_TYPES = [
  "incident.triggered",
  "incident.acknowledged",
  "incident.resolved",
  "incident.updated",
  "incident.custom_fields_updated",
  "incident.rca_requested",
] as const;

/** The exact schema of a notification: an extra, missing or malformed field is an error. */
export const Notification = z
  .strictObject({
    type: z.enum(NOTIFICATION_TYPES),
    timestamp: Time,
    data: z.strictObject({
      userId: z.string().min(1),
      orgId: NullableText,
      incident: NotifiedIncident,
      change: z.strictObject({ kind: z.enum(CHANGE_KINDS), from: NullableText, to: NullableText }),
      /** Null if there was no runbook to fetch. */
      runbook: z
        .nullable(z.strictObject({ url: z.string(), content: NullableText, error: NullableText }))
        .optional(),
      /** Null if the connector did not ask PagerDuty for the context. */
      context: z.nullable(Context).optional(),
      provenance: z.strictObject({
        webhookId: NullableText,
        eventId: NullableText,
        verification: z.enum(["signature", "callback", "backfill"]),
      }),
      event: z.nullable(z.record(z.string(), z.unknown())),
    }),
  })
  .refine(({ type, data }) => (type === "incident.rca_requested") === (data.runbook !== undefined), {
    error: "must be there for incident.rca_requested, and for nothing else",
    path: ["data", "runbook"],
  })
  .refine(({ type, data }) => (type === "incident.rca_requested") === (data.context !== undefined), {
    error: "must be there for incident.rca_requested, and for nothing else",
    path: ["data", "context"],
  })
  .refine(({ data }) => data.event === null || data.provenance.verification === "signature", {
    error: "must be null unless its signature was verified",
    path: ["data", "event"],
  });
export type Notification = z.infer<typeof Notification>;
