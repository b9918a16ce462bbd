import type { Json } from "../prompt/jsonb.ts";
import { serviceNameText } from "./columns.ts";
import { get, isDict, isTrue, lower, noAttribute, or } from "./python.ts";

/** Reads an incident as Aurora's task does (server/routes/pagerduty/tasks.py). Throws where Aurora's task fails. */

export type Severity = "critical" | "high" | "medium" | "low";

/** Substrings of `priority.name`, in the order in which Aurora looks for them. */
const SEVERITY_WORDS: readonly (readonly [Severity, readonly string[]])[] = [
  ["critical", ["p1", "critical", "sev1"]],
  ["high", ["p2", "high", "sev2"]],
  ["medium", ["p3", "medium", "sev3"]],
  ["low", ["p4", "low", "sev4"]],
];

/** `_extract_severity`: reads `urgency` only if `priority.name` has none of the words. */
export function readSeverity(incident: Json): Severity {
  const priority = get(incident, "priority", {});
  if (isTrue(priority)) {
    const name = lower(get(priority, "name", ""));
    const found = SEVERITY_WORDS.find(([, words]) => words.some((word) => name.includes(word)));
    if (found !== undefined) return found[0];
  }
  return lower(get(incident, "urgency", "")) === "high" ? "high" : "medium";
}

/** `_extract_service_name`: returns the `summary` or `name` of an object, and any other value as text. */
export function readServiceName(incident: Json): Json {
  const service = get(incident, "service", {});
  if (isDict(service)) return or(get(service, "summary"), or(get(service, "name"), "unknown"));
  return isTrue(service) ? serviceNameText(service) : "unknown";
}

export function readServiceId(incident: Json): Json {
  const service = get(incident, "service", {});
  return isDict(service) ? get(service, "id") : null;
}

/** `_normalize_incident_status`: ignores the event's type. */
export function readStatus(incident: Json): "resolved" | "investigating" {
  return lower(get(incident, "status", "unknown")) === "resolved" ? "resolved" : "investigating";
}

/**
 * Returns `created_at`, which Aurora stores in the column `alert_fired_at`. Returns null if `created_at` is absent or
 * not a date.
 */
export function readFiredAt(incident: Json): string | null {
  const createdAt = get(incident, "created_at");
  if (!isTrue(createdAt)) return null;
  if (typeof createdAt !== "string") throw noAttribute(createdAt, "replace");
  const firedAtMs = Date.parse(createdAt);
  return Number.isNaN(firedAtMs) ? null : new Date(firedAtMs).toISOString();
}

/** Returns `alert_metadata`, including the custom fields that the incident's row already has. */
export function readMetadata(incident: Json, existing: Json): { [key: string]: Json } {
  const metadata: { [key: string]: Json } = {
    incidentId: get(incident, "id"),
    incidentUrl: get(incident, "html_url"),
    urgency: get(incident, "urgency", "unknown"),
  };
  const incidentKey = get(incident, "incident_key");
  if (isTrue(incidentKey)) metadata["incidentKey"] = incidentKey;
  const priority = get(incident, "priority");
  if (isTrue(priority)) metadata["priority"] = isDict(priority) ? get(priority, "summary") : priority;
  const details = get(get(incident, "body", {}), "details");
  if (isTrue(details)) metadata["description"] = details;
  if (isDict(existing) && Object.hasOwn(existing, "customFields")) {
    metadata["customFields"] = existing["customFields"] ?? null;
  }
  return metadata;
}
