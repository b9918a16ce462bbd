import { isoSeconds } from "./clock.ts";
import type { Incident } from "./incident.ts";
import { htmlUrl, refer, selfUrl } from "./reference.ts";

/** The alerts, changes, similar incidents and notes of an incident, and their form in the REST API. */

export interface Alert {
  id: string;
  summary: string;
  severity: "info" | "warning" | "error" | "critical";
  /** ISO 8601. */
  createdAt: string;
  details: unknown;
  links: { href: string; text: string }[];
}

export interface Change {
  summary: string;
  /** ISO 8601. */
  timestamp: string;
  reason: "most_recent" | "related_service" | "intelligent";
  details: unknown;
}

export interface OtherIncident {
  id: string;
  title: string;
  /** ISO 8601. */
  createdAt: string;
}

export interface Knowledge {
  /** In any order. */
  readonly alerts: readonly Alert[];
  readonly changes: readonly Change[];
  readonly past: readonly (OtherIncident & { score: number })[];
  readonly related: readonly OtherIncident[];
}

export interface Note {
  readonly id: string;
  readonly content: string;
  readonly atMs: number;
}

export const NOTHING: Knowledge = { alerts: [], changes: [], past: [], related: [] };

/** Returns an alert as the schema `Alert` of PagerDuty's OpenAPI describes it. */
export function alertResource(incident: Incident, alert: Alert) {
  const { account } = incident;
  return {
    id: alert.id,
    type: "alert",
    summary: alert.summary,
    self: `${selfUrl(account, "incident", incident.id)}/alerts/${alert.id}`,
    html_url: `https://${account.subdomain}.pagerduty.com/alerts/${alert.id}`,
    created_at: alert.createdAt,
    status: "triggered",
    alert_key: alert.id.toLowerCase(),
    service: account.serviceReference,
    body: {
      type: "alert_body",
      contexts: alert.links.map((link) => ({ type: "link", ...link })),
      details: alert.details,
    },
    incident: refer(account, "incident", incident.id, null),
    suppressed: false,
    severity: alert.severity,
    integration: {
      id: "PQ12345",
      type: "generic_events_api_inbound_integration_reference",
      summary: "Prometheus",
      self: null,
      html_url: null,
    },
  };
}

/** Returns a change event as PagerDuty's schema `ChangeEvent` describes it, with its `correlation_reason`. */
export function changeResource({ account }: Incident, change: Change, index: number) {
  return {
    id: `01BBYA6PEVW6A852BUO6QY${index}`,
    type: "change_event",
    summary: change.summary,
    timestamp: change.timestamp,
    source: "build-pipeline",
    integration: { id: "PEYSGVF", type: "inbound_integration_reference" },
    services: [{ id: account.service.id, type: "service_reference" }],
    custom_details: change.details,
    links: [{ href: `https://builds.example.com/${index}`, text: "The build" }],
    correlation_reason: { reason: change.reason },
  };
}

/** Returns the few members that PagerDuty lists for a similar incident. */
export function otherIncidentResource({ account }: Incident, { id, title, createdAt }: OtherIncident) {
  return { id, title, created_at: createdAt, self: selfUrl(account, "incident", id) };
}

/** Returns a related incident, with more members if `additional_details[]=incident` was requested. */
export function relatedIncidentResource(incident: Incident, other: OtherIncident, whole: boolean) {
  const known = otherIncidentResource(incident, other);
  if (!whole) return known;
  const { account } = incident;
  return {
    ...known,
    type: "incident",
    status: "triggered",
    html_url: htmlUrl(account, "incident", other.id),
  };
}

/** Returns a note as PagerDuty's schema `IncidentNote` describes it. */
export function noteResource({ account }: Incident, { id, content, atMs }: Note) {
  return {
    id,
    user: account.userReference,
    channel: { summary: "The PagerDuty website or APIs" },
    content,
    created_at: isoSeconds(atMs),
    updated_at: isoSeconds(atMs),
  };
}
