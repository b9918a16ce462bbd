import * as z from "zod/mini";

/** The vocabulary of incidents, which all other rooms (folders of src) use. Imports no other file of the project. */

type Scalar = string | number | boolean | null;
/** A custom field's value, as PagerDuty documents it: a scalar, or a list of scalars. */
export type FieldValue = Scalar | Scalar[];
/**
 * Keeps a scalar or a list of scalars, and converts any other value to its JSON text. A stored incident therefore
 * holds no deeply nested value.
 */
export const FieldValue = z.pipe(z.unknown(), z.transform(fieldValueOf));

function fieldValueOf(value: unknown): FieldValue {
  if (value === undefined) return null;
  if (isScalar(value)) return value;
  return Array.isArray(value) && value.every(isScalar) ? value : jsonTextOf(value);
}

/** Excludes NaN and infinity, which JSON cannot represent. */
const isScalar = (value: unknown): value is Scalar =>
  value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);

function jsonTextOf(value: unknown): string {
  if (typeof value === "number") return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return "[nested too deep]";
  }
}

/** Orders observations by `occurred_at`, in milliseconds, and at equal times by the event's id. */
export const Stamp = z.object({ atMs: z.number(), id: z.string() });
export type Stamp = z.infer<typeof Stamp>;

/** Whether `a` is newer than `b`. At equal times the greater id is newer; ids are compared by code unit. */
export function isNewer(a: Stamp, b: Stamp): boolean {
  return a.atMs !== b.atMs ? a.atMs > b.atMs : a.id > b.id;
}

export const Severity = z.enum(["critical", "high", "medium", "low"]);
export type Severity = z.infer<typeof Severity>;

/** Aurora's statuses. */
export const Status = z.enum(["investigating", "resolved"]);
export type Status = z.infer<typeof Status>;

/** A user, team or escalation policy at PagerDuty. */
export const Named = z.object({ id: z.string(), name: z.string() });
export type Named = z.infer<typeof Named>;

/** Who is responsible for the incident. Rows stored by earlier versions lack these members. */
const Responsible = {
  assignees: z._default(z.array(Named), []),
  teams: z._default(z.array(Named), []),
  escalationPolicy: z._default(z.nullable(Named), null),
};

/** The incident in the newest observation that contains the whole incident. */
export const Snapshot = z.lazy(() =>
  z.object({
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
  }),
);
export type Snapshot = z.infer<typeof Snapshot>;

/** Why an observation is believed: its signature, PagerDuty's answer to a call, or a search for missed incidents. */
export const Verification = z.enum(["signature", "callback", "backfill"]);
export type Verification = z.infer<typeof Verification>;

/**
 * The webhook that caused a notification. The ids are null if a search for missed incidents found the incident, or if
 * no webhook agrees with PagerDuty's answer.
 */
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
 * Whether root-cause analysis was requested. `none`: there was no reason for an analysis so far. `requested`: the
 * analysis is never requested again. `reason` is text for people only.
 */
export const Analysis = z.discriminatedUnion("state", [
  z.object({ state: z.literal("none") }),
  z.object({
    state: z.literal("waiting"),
    dueAtMs: z.number(),
    /** With `runbook`, the wait ends early if a runbook arrives. Rows stored by earlier versions lack `waitsFor`. */
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

/** An incident, folded from all observations so far. Stored as JSON in its row. */
export const IncidentState = z.lazy(() =>
  z.object({
    incidentId: z.string(),
    number: z.nullable(z.number()),
    /** Null while only custom fields are known, which can arrive before the incident. */
    snapshot: z.nullable(Snapshot),
    snapshotStamp: z.nullable(Stamp),
    /** The stamp of the newest resolving event; `text` is the event's time as PagerDuty wrote it. */
    resolvedStamp: z.nullable(z.extend(Stamp, { text: z.optional(z.string()) })),
    /** REST's `resolved_at`, if the snapshot is from a REST answer; null otherwise. ISO 8601. */
    resolvedAtFallback: z.nullable(z.string()),
    /** The description in the newest observation that has a description. */
    description: z.nullable(z.object({ text: z.string(), stamp: Stamp })),
    /**
     * Custom fields by name. A removed field stays with the value null, so that an older event cannot restore its
     * value.
     */
    fields: z.record(z.string(), z.object({ value: FieldValue, stamp: Stamp })),
    /** Grows by one with every change that is reported to Aurora; 0 before the first. */
    version: z.number(),
    /**
     * The deliveries of the incident contain this user id. If it is null, a delivery contains the id of the user who is
     * connected when the delivery is sent.
     */
    recipientUserId: z._default(z.nullable(z.string()), null),
    analysis: Analysis,
  }),
);
export type IncidentState = z.infer<typeof IncidentState>;

/** The incident as Aurora sees it. It is `data.incident` of a notification, and an item of the API's lists. */
export const Incident = z.object({
  sourceType: z.literal("pagerduty"),
  /** The incident's number as text; its id while the number is unknown. */
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

/** The members that identify an incident in the lists of events and deliveries. */
export const IncidentHead = z.object({
  /** Null while PagerDuty has not sent the number. */
  number: z.nullable(z.string()),
  title: z.string(),
  /** The service's name. */
  service: z.string(),
  severity: Severity,
  pagerdutyStatus: z.string(),
});
export type IncidentHead = z.infer<typeof IncidentHead>;

/** A position in a list of incidents: the next page starts after this incident. */
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
 * How an incident changed. `from` and `to` are Aurora's statuses, except for `status_changed`. A `status_changed` has
 * PagerDuty's statuses, such as triggered and acknowledged, because Aurora's status stays unchanged.
 */
export const Change = z.object({
  kind: ChangeKind,
  from: z.nullable(z.string()),
  to: z.nullable(z.string()),
});
export type Change = z.infer<typeof Change>;

/** The result of processing a webhook. `failed`: the webhook is stored, and can be retried. */
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

/**
 * Why the last attempt at a delivery failed. `refused`: Aurora answered 3xx, 508 (the request came back to the
 * connector), or 4xx except 429. `rate_limited`: Aurora answered 429. `server_error`: Aurora answered 5xx except 508.
 * `unreachable`: Aurora did not answer, or not in time. `not_sent`: the attempt failed before Aurora was called.
 */
export const ErrorClass = z.enum(["refused", "rate_limited", "server_error", "unreachable", "not_sent"]);
export type ErrorClass = z.infer<typeof ErrorClass>;

/**
 * Format `v3` can send a delivery's custom fields as a second event. The second event's id is the delivery's id with
 * this suffix.
 */
export const FIELDS_SUFFIX = "_fields";

/** A notification to Aurora. The journal's row stores it beside the event's payload. */
export const Notification = z.lazy(() =>
  z.object({
    /** The header `webhook-id`, which is the same in every attempt. */
    messageId: z.string(),
    type: NotificationType,
    /** ISO 8601. */
    timestamp: z.string(),
    incident: Incident,
    change: Change,
    /** Names of the custom fields that changed. Rows stored by earlier versions lack this member. */
    changedFields: z.optional(z.array(z.string())),
    provenance: Provenance,
    /** Only set for `incident.rca_requested`; null if the incident has no runbook. */
    runbook: z.optional(
      z.nullable(
        z.object({ url: z.string(), content: z.nullable(z.string()), error: z.nullable(z.string()) }),
      ),
    ),
  }),
);
export type Notification = z.infer<typeof Notification>;
