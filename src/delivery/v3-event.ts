import type { Context } from "../incidents/context.ts";
import { lacksNumber } from "../incidents/fold.ts";
import {
  type ChangeKind,
  FIELDS_SUFFIX,
  type Incident,
  Notification,
  type Status,
} from "../incidents/incident.ts";
import { isRecord } from "../incidents/json-size.ts";
import { storableJson, trimJson } from "../incidents/json-trim.ts";
import { inPieces, PIECES } from "./model-json.ts";
import { fieldUpdate, incidentData, triggeredData } from "./v3-data.ts";

/**
 * Format `v3`: converts a notification to the PagerDuty V3 events that today's Aurora reads. Pure.
 * https://developer.pagerduty.com/docs/webhooks-overview
 */

const TRIGGERED = "incident.triggered";
const ACKNOWLEDGED = "incident.acknowledged";
const RESOLVED = "incident.resolved";
const FIELDS = "incident.custom_field_values.updated";
type V3EventType = typeof TRIGGERED | typeof ACKNOWLEDGED | typeof RESOLVED | typeof FIELDS;

/**
 * The types of the events to send. They depend on the change and on the incident's status at Aurora. Aurora takes the
 * status from `data`, not from the event's type. `incident.triggered` starts an analysis, so a new incident that is
 * already resolved is sent as `incident.resolved`.
 */
const EVENT_TYPES: Record<ChangeKind, Record<Status, readonly V3EventType[]>> = {
  created: { investigating: [TRIGGERED, FIELDS], resolved: [RESOLVED, FIELDS] },
  status_changed: { investigating: [ACKNOWLEDGED], resolved: [ACKNOWLEDGED] },
  resolved: { investigating: [RESOLVED], resolved: [RESOLVED] },
  reopened: { investigating: [ACKNOWLEDGED], resolved: [ACKNOWLEDGED] },
  updated: { investigating: [ACKNOWLEDGED], resolved: [ACKNOWLEDGED] },
  custom_fields_updated: { investigating: [FIELDS], resolved: [FIELDS] },
  // Sends nothing, because `incident.triggered` already makes Aurora start an analysis.
  rca_requested: { investigating: [], resolved: [] },
};

/** The input of `v3EventsOf`. */
export interface V3Source {
  notification: Notification;
  /** `event` of PagerDuty's webhook; null unless the webhook's signature was verified. */
  event: unknown;
  /** The user and the organisation that the body's member `aurora` names. */
  recipient: { userId: string; orgId: string | null };
  /** The incident's context, within the limits of `boundContext`. Only `incident.triggered` contains it. */
  context: Context | null;
}

/** A body to send, and the `webhook-id` that every attempt sends with it. */
export interface V3Event {
  id: string;
  body: {
    event: {
      id: string;
      event_type: V3EventType;
      resource_type: "incident";
      /** ISO 8601. */
      occurred_at: string;
      agent: unknown;
      client: unknown;
      data: Record<string, unknown>;
    };
    aurora: { user_id: string; org_id: string | null };
  };
}

/** Up to two events, to be sent in this order. `waits_for_number`: the incident's number has to be read first. */
export type V3Events = { kind: "events"; events: V3Event[] } | { kind: "waits_for_number" };

/** Returns the events for a notification; none if the change is not sent in this format. */
export function v3EventsOf({ event, recipient, context, ...given }: V3Source): V3Events {
  const notification = Notification.parse(storableJson(given.notification));
  const { incident } = notification;
  const envelope = { notification, event, recipient };
  const types = EVENT_TYPES[notification.change.kind][incident.status];
  const number = numberOf(incident);
  const events: V3Event[] = [];
  for (const type of types) {
    if (type === FIELDS) {
      const update = fieldUpdate(incident, namesOf(notification));
      if (update.custom_fields.length > 0) events.push(v3Event(envelope, type, update));
      continue;
    }
    if (number === null) return { kind: "waits_for_number" };
    const known = { incident, number, event };
    const data = type === TRIGGERED ? triggeredData(known, context) : incidentData(known);
    events.push(v3Event(envelope, type, data));
  }
  return { kind: "events", events };
}

/** Returns the names of the fields to send; null to send every field. */
const namesOf = ({ change, changedFields }: Notification): readonly string[] | null =>
  change.kind === "custom_fields_updated" ? (changedFields ?? null) : null;

/** The largest incident number that Aurora's column holds. */
const MAX_NUMBER = 2 ** 31 - 1;

/**
 * Returns the incident's number; null if it is unknown, or if Aurora cannot store it. Aurora drops an incident whose
 * number is missing or 0.
 */
function numberOf(incident: Incident): number | null {
  if (lacksNumber(incident) || !/^[1-9]\d{0,9}$/.test(incident.sourceAlertId)) return null;
  const number = Number(incident.sourceAlertId);
  return number <= MAX_NUMBER ? number : null;
}

/** `agent` and `client` may each have this many characters in the JSON that Aurora's Python writes. */
const MAX_ORIGIN_CHARS = 1000;

function v3Event(
  { notification, event, recipient }: Omit<V3Source, "context">,
  type: V3EventType,
  data: Record<string, unknown>,
): V3Event {
  const origin = isRecord(event) ? event : {};
  const bounded = (value: unknown) =>
    inPieces(trimJson(storableJson(value), MAX_ORIGIN_CHARS, PIECES)) ?? null;
  const suffix = type === FIELDS && notification.change.kind === "created" ? FIELDS_SUFFIX : "";
  const id = `${notification.messageId}${suffix}`;
  return {
    id,
    body: {
      event: {
        id,
        event_type: type,
        resource_type: "incident",
        occurred_at: notification.timestamp,
        agent: bounded(origin["agent"]),
        client: bounded(origin["client"]),
        data,
      },
      aurora: { user_id: recipient.userId, org_id: recipient.orgId },
    },
  };
}
