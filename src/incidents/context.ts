import * as z from "zod/mini";

/**
 * An incident's context: its alerts, changes, notes and similar incidents at PagerDuty. Aurora gets it for root-cause
 * analysis. Past incidents are sorted by score, other lists newest first. Times are ISO 8601.
 */

const Text = z.nullable(z.string());
const ContextLink = z.object({ href: z.string(), text: Text });

export const ContextAlert = z.object({
  id: z.string(),
  summary: Text,
  severity: Text,
  status: Text,
  createdAt: Text,
  url: Text,
  source: Text,
  /** The monitoring tool's own payload, any JSON; null if the alert has none. */
  details: z.unknown(),
  links: z.array(ContextLink),
});
export type ContextAlert = z.infer<typeof ContextAlert>;

export const ContextChange = z.object({
  summary: Text,
  timestamp: Text,
  source: Text,
  /** Why PagerDuty relates the change to the incident: `most_recent`, `related_service` or `intelligent`. */
  reason: Text,
  /** The change event's `custom_details`, any JSON; null if the event has none. */
  details: z.unknown(),
  links: z.array(ContextLink),
});
export type ContextChange = z.infer<typeof ContextChange>;

export const PastIncident = z.object({
  incidentId: z.string(),
  title: Text,
  createdAt: Text,
  /** PagerDuty's similarity score; higher is more similar. */
  score: z.nullable(z.number()),
  url: Text,
});
export type PastIncident = z.infer<typeof PastIncident>;

export const RelatedIncident = z.object({
  incidentId: z.string(),
  title: Text,
  createdAt: Text,
  status: Text,
  url: Text,
});
export type RelatedIncident = z.infer<typeof RelatedIncident>;

export const ContextNote = z.object({ text: z.string(), by: Text, createdAt: Text });
export type ContextNote = z.infer<typeof ContextNote>;

export const ContextPart = z.enum(["alerts", "changes", "pastIncidents", "relatedIncidents", "notes"]);
export type ContextPart = z.infer<typeof ContextPart>;

export const MissingReason = z.enum([
  "forbidden",
  "not_found",
  "not_in_plan",
  "rate_limited",
  "timed_out",
  "too_large",
  "unavailable",
]);
export type MissingReason = z.infer<typeof MissingReason>;

/**
 * `missing` names each part that is null, with the reason. If a part lost only some items because the context was
 * too large, `missing` also names this part. Its reason is `too_large`.
 */
export const Context = z.lazy(() =>
  z.object({
    alerts: z.nullable(z.array(ContextAlert)),
    changes: z.nullable(z.array(ContextChange)),
    pastIncidents: z.nullable(z.array(PastIncident)),
    relatedIncidents: z.nullable(z.array(RelatedIncident)),
    notes: z.nullable(z.array(ContextNote)),
    missing: z.array(z.object({ part: ContextPart, reason: MissingReason })),
  }),
);
export type Context = z.infer<typeof Context>;
