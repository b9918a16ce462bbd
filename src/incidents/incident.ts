import * as z from "zod/mini";

/** The vocabulary that everything else speaks. Imports nothing of ours. */

/** A custom field's value, as PagerDuty documents it; kept as it came whatever it is. */
type Scalar = string | number | boolean | null;
export type FieldValue = Scalar | Scalar[];
export const FieldValue = z.custom<FieldValue>(() => true);

/** When something was said: `occurred_at` in milliseconds, and the event's id to tell equal times apart. */
export const Stamp = z.object({ atMs: z.number(), id: z.string() });
export type Stamp = z.infer<typeof Stamp>;

/** Whether `a` is newer than `b`; at equal times the greater id is. Ids compare by code unit. */
export function isNewer(a: Stamp, b: Stamp): boolean {
  return a.atMs !== b.atMs ? a.atMs > b.atMs : a.id > b.id;
}

export const Severity = z.enum(["critical", "high", "medium", "low"]);
export type Severity = z.infer<typeof Severity>;

/** Aurora's statuses. */
export const Status = z.enum(["investigating", "resolved"]);
export type Status = z.infer<typeof Status>;

/** Someone or something that PagerDuty refers to: a user, a team, an escalation policy. */
export const Named = z.object({ id: z.string(), name: z.string() });
export type Named = z.infer<typeof Named>;

/** Who is on the incident. Rows of earlier versions have none of these members. */
const Responsible = {
  assignees: z._default(z.array(Named), []),
  teams: z._default(z.array(Named), []),
  escalationPolicy: z._default(z.nullable(Named), null),
};

/** What the newest event that carried the whole incident said of it. */
export const Snapshot = z.object({
  title: z.string(),
  service: z.object({ id: z.nullable(z.string()), name: z.string() }),
  urgency: z.nullable(z.string()),
  priority: z.nullable(z.string()),
  severity: Severity,
  pagerdutyStatus: z.string(),
  url: z.nullable(z.string()),
  incidentKey: z.nullable(z.string()),
  ...Responsible,
  /** ISO 8601. */
  createdAt: z.nullable(z.string()),
});
export type Snapshot = z.infer<typeof Snapshot>;

/** Why an observation is believed: a signature, a check by calling PagerDuty back, or a search for missed incidents. */
export const Verification = z.enum(["signature", "callback", "backfill"]);
export type Verification = z.infer<typeof Verification>;

/** What something that we tell Aurora goes back to. Null ids: to a recovery, which no webhook brought. */
export const Provenance = z.object({
  webhookId: z.nullable(z.string()),
  eventId: z.nullable(z.string()),
  verification: Verification,
});
export type Provenance = z.infer<typeof Provenance>;

/** Why an incident needs root-cause analysis: it was triggered, or a search for missed incidents found it open. */
export const AnalysisCause = z.enum(["triggered", "recovered"]);
export type AnalysisCause = z.infer<typeof AnalysisCause>;

/**
 * Whether root-cause analysis was requested. `none`: nothing asked for it; `waiting`: it is requested at `dueAtMs`;
 * `requested`: it was, and is never requested again. `reason` is for people only.
 */
export const Analysis = z.discriminatedUnion("state", [
  z.object({ state: z.literal("none") }),
  z.object({
    state: z.literal("waiting"),
    dueAtMs: z.number(),
    /** `runbook`: a runbook that arrives earlier ends the wait. Read as `runbook` where the stored state lacks it. */
    waitsFor: z._default(z.enum(["runbook", "nothing"]), "runbook"),
    reason: z.string(),
    provenance: Provenance,
  }),
  z.object({
    state: z.literal("requested"),
    atMs: z.number(),
    reason: z.string(),
    runbookUrl: z.nullable(z.string()),
  }),
]);
export type Analysis = z.infer<typeof Analysis>;

/** One incident as the events so far say. Stored as JSON in its row. */
export const IncidentState = z.object({
  incidentId: z.string(),
  number: z.nullable(z.number()),
  /** Null until an event brings the incident itself: fields can come first. */
  snapshot: z.nullable(Snapshot),
  snapshotStamp: z.nullable(Stamp),
  /** Of the newest event that resolved it, with its time as it came; counts while the status is resolved. */
  resolvedStamp: z.nullable(z.extend(Stamp, { text: z.optional(z.string()) })),
  /** REST's `resolved_at` where no resolving event was seen. ISO 8601. */
  resolvedAtFallback: z.nullable(z.string()),
  /** Of the newest event that told one; most do not. */
  description: z.nullable(z.object({ text: z.string(), stamp: Stamp })),
  /** By name; null is a removal that is remembered, so that an older value does not come back. */
  fields: z.record(z.string(), z.object({ value: FieldValue, stamp: Stamp })),
  /** Grows by one with every change that Aurora is told of; 0 before the first. */
  version: z.number(),
  /** The user who was connected when Aurora was first notified; null before. */
  recipientUserId: z._default(z.nullable(z.string()), null),
  analysis: Analysis,
});
export type IncidentState = z.infer<typeof IncidentState>;

/** The incident as Aurora sees it: `data.incident` of a notification, and what the API lists. */
export const Incident = z.object({
  sourceType: z.literal("pagerduty"),
  /** The incident's number as text; its id while PagerDuty does not tell the number. */
  sourceAlertId: z.string(),
  incidentId: z.string(),
  title: z.string(),
  service: z.object({ id: z.nullable(z.string()), name: z.string() }),
  severity: Severity,
  status: Status,
  pagerdutyStatus: z.string(),
  urgency: z.nullable(z.string()),
  priority: z.nullable(z.string()),
  url: z.nullable(z.string()),
  incidentKey: z.nullable(z.string()),
  description: z.nullable(z.string()),
  ...Responsible,
  alertFiredAt: z.nullable(z.string()),
  startedAt: z.nullable(z.string()),
  resolvedAt: z.nullable(z.string()),
  customFields: z.record(z.string(), FieldValue),
  version: z.number(),
});
export type Incident = z.infer<typeof Incident>;

/** Where a list goes on: behind this incident. */
export const IncidentCursor = z.object({ createdAtMs: z.number(), incidentId: z.string() });
export type IncidentCursor = z.infer<typeof IncidentCursor>;

export const ChangeKind = z.enum([
  "created",
  "status_changed",
  "resolved",
  "reopened",
  "updated",
  "custom_fields_updated",
  "rca_requested",
]);
export type ChangeKind = z.infer<typeof ChangeKind>;

/**
 * What became different. `from` and `to` are Aurora's statuses; for `status_changed`, which leaves those
 * alone, they are PagerDuty's (triggered, acknowledged).
 */
export const Change = z.object({
  kind: ChangeKind,
  from: z.nullable(z.string()),
  to: z.nullable(z.string()),
});
export type Change = z.infer<typeof Change>;

/** What became of something that arrived. `failed`: it could not be processed, and is kept to be tried again. */
export const Outcome = z.enum(["applied", "duplicate", "stale", "ignored", "unconfirmed", "failed"]);
export type Outcome = z.infer<typeof Outcome>;

export const NotificationType = z.enum([
  "incident.triggered",
  "incident.acknowledged",
  "incident.resolved",
  "incident.updated",
  "incident.custom_fields_updated",
  "incident.rca_requested",
]);
export type NotificationType = z.infer<typeof NotificationType>;

/** What has to be told to Aurora, but for the event's payload, which is in the same row. */
export const Notification = z.object({
  /** The `webhook-id` of every attempt. */
  messageId: z.string(),
  type: NotificationType,
  /** ISO 8601. */
  timestamp: z.string(),
  incident: Incident,
  change: Change,
  /** Names of the custom fields that differ; rows of earlier versions do not say. */
  changedFields: z.optional(z.array(z.string())),
  provenance: Provenance,
  /** Of `incident.rca_requested` only; null where there is none. */
  runbook: z.optional(
    z.nullable(z.object({ url: z.string(), content: z.nullable(z.string()), error: z.nullable(z.string()) })),
  ),
});
export type Notification = z.infer<typeof Notification>;
