import type { Config } from "../config.ts";
import { lacksNumber, view } from "../incidents/fold.ts";
import type { Incident, Notification } from "../incidents/incident.ts";
import { isRecord } from "../incidents/json-size.ts";
import { loadContext } from "../storage/contexts.ts";
import { loadIncident } from "../storage/incidents.ts";
import { type Entry, payloadOf } from "../storage/journal.ts";
import { notificationBody } from "./notification.ts";
import { isOvertaken } from "./outbox.ts";
import { v3EventsOf } from "./v3-event.ts";

/** Builds the bodies of a delivery in the configured format, both for an attempt and for the API. */

/** A body, and the `webhook-id` that every attempt sends with the body. */
export interface Body {
  id: string;
  text: string;
}

/** The bodies name this user and this organisation. */
export interface Recipient {
  userId: string;
  orgId: string | null;
}

export type Bodies =
  /** The bodies are sent one after the other. The list is empty if this format does not report the change. */
  | { kind: "bodies"; bodies: Body[]; recipient: Recipient }
  | { kind: "waits_for_number" }
  | { kind: "unusable"; reason: string };

/** @param connected the user and the organisation of the current connection */
export function bodiesOf(
  sql: SqlStorage,
  format: NonNullable<Config["events"]>["format"],
  entry: Entry,
  connected: Recipient,
): Bodies {
  if (!entry.notification) return { kind: "unusable", reason: "its notification is missing" };
  const state = loadIncident(sql, entry.notification.incident.incidentId);
  const { number, recipientUserId } = state;
  const recipient = { userId: recipientUserId ?? connected.userId, orgId: connected.orgId };
  // Aurora takes an incident's status from the V3 event that arrives last. If Aurora has already accepted a later
  // delivery of the incident, this delivery therefore contains the incident's present state.
  const present = format === "v3" && isOvertaken(sql, entry) ? view(state) : null;
  const notification = withNumber(
    present ? { ...entry.notification, incident: present } : entry.notification,
    number,
  );
  const event = present ? null : eventOf(sql, entry);
  const context = carriesContext(notification) ? loadContext(sql, notification.incident.incidentId) : null;
  if (format === "notifications") {
    const text = notificationBody(notification, recipient, event, context);
    return { kind: "bodies", bodies: [{ id: notification.messageId, text }], recipient };
  }
  const made = v3EventsOf({ notification, event, recipient, context });
  if (made.kind === "waits_for_number") return made;
  const bodies = made.events.map(({ id, body }) => ({ id, text: JSON.stringify(body) }));
  return { kind: "bodies", bodies, recipient };
}

/**
 * Format `v3` sends the context with the incident's first event. Format `notifications` sends the context with the
 * request for analysis.
 */
const carriesContext = ({ change: { kind } }: Notification): boolean =>
  kind === "created" || kind === "rca_requested";

/** Adds the incident's number to a notification that was made before the number was known. */
function withNumber(notification: Notification, number: number | null): Notification {
  const { incident } = notification;
  if (number === null || !lacksNumber(incident)) return notification;
  const numbered: Incident = { ...incident, sourceAlertId: String(number) };
  return { ...notification, incident: numbered };
}

/** Returns PagerDuty's event, unchanged. Without a verified signature, returns null. */
function eventOf(sql: SqlStorage, entry: Entry): unknown {
  if (entry.verification !== "signature" || entry.kind !== "webhook") return null;
  const payload = payloadOf(sql, entry.seq);
  if (!payload) return null;
  const body: unknown = JSON.parse(new TextDecoder().decode(payload));
  return isRecord(body) ? (body["event"] ?? null) : null;
}
