import type { Config } from "../config.ts";
import { analysisAfter } from "../incidents/analysis.ts";
import { type Folded, fold, notificationTypeOf, type Observation, view } from "../incidents/fold.ts";
import type {
  IncidentState,
  Notification,
  NotificationType,
  Outcome,
  Provenance,
} from "../incidents/incident.ts";
import {
  appendEntry,
  type EntryKind,
  entryOfEvent,
  entryOfWebhook,
  isLifecycle,
  type NewEntry,
  type TimelineEntry,
} from "../incidents/journal.ts";
import { severityOf } from "../incidents/severity.ts";
import { loadIncident, saveIncident } from "../incidents/store.ts";
import { effectOf, type IncidentData, type PagerDutyEvent, readBody } from "../pagerduty/event.ts";
import type { ReceivedWebhook } from "./webhook.ts";

/**
 * Taking in what arrived: an event is told apart from what is known, folded into its incident, and written
 * down together with the notification that follows from it. All of it happens between two awaits, so it
 * commits as one.
 */

export interface Intake {
  sql: SqlStorage;
  config: Config;
}

/** When the first attempt to deliver something is due; null where nothing is delivered. */
export function firstAttemptAtMs(config: Config, nowMs: number): number | null {
  return config.events === null ? null : nowMs + (config.deliverySchedule[0] ?? 0) * 1000;
}

/** An incident as an event or REST tells it, in our words. */
export function observeIncident(
  data: IncidentData,
  stamp: { atMs: number; id: string },
  more: { resolves: boolean; resolvedAt: string | null },
): Observation {
  const priority = data.priority?.summary ?? data.priority?.name ?? null;
  const urgency = data.urgency ?? null;
  return {
    kind: "incident",
    stamp,
    number: data.number ?? null,
    resolves: more.resolves,
    resolvedAt: more.resolvedAt,
    description: data.body?.details ?? null,
    snapshot: {
      title: data.title || "Untitled Incident",
      service: {
        id: data.service?.id ?? null,
        name: data.service?.summary || data.service?.name || "unknown",
      },
      urgency,
      priority,
      severity: severityOf(priority, urgency),
      pagerdutyStatus: data.status ?? "triggered",
      url: data.html_url ?? null,
      incidentKey: data.incident_key ?? null,
      createdAt: data.created_at ?? null,
    },
  };
}

/** Whatever is to be folded, with what is to be written down about it. */
export interface Incoming {
  incidentId: string;
  observation: Observation;
  kind: EntryKind;
  /** PagerDuty's event type, or ours for a recovery. */
  type: string;
  notificationType: (folded: Folded) => NotificationType;
  /** ISO 8601. */
  occurredAt: string;
  provenance: Provenance;
  /** Whether root-cause analysis is owed because of this. */
  owesAnalysis: "triggered" | "recovered" | null;
  receivedAtMs: number;
  requestId: string | null;
  signature: string | null;
  payload: Uint8Array | null;
}

/** Folds, writes the incident, its journal entry and its notification. */
export function apply(
  intake: Intake,
  incoming: Incoming,
  nowMs: number,
): { outcome: Outcome; folded: Folded } {
  const { sql, config } = intake;
  const before = loadIncident(sql, incoming.incidentId);
  const folded = fold(before, incoming.observation);
  const { provenance } = incoming;
  const analysis = analysisAfter(
    folded.state,
    incoming.owesAnalysis ? { kind: incoming.owesAnalysis, provenance } : null,
    nowMs,
    config.runbookWaitMs,
  );
  const state: IncidentState = { ...folded.state, analysis };
  if (folded.changed || analysis !== before.analysis) saveIncident(sql, state, nowMs);

  // Fields that came before their incident are kept for it: that is an effect, though none to tell of.
  const kept = folded.changed && state.snapshot === null;
  const outcome: Outcome = folded.change || kept ? "applied" : "stale";
  const incident = view(state);
  const notification: Notification | null =
    folded.change && incident
      ? {
          messageId: `msg_${crypto.randomUUID()}`,
          type: incoming.notificationType(folded),
          timestamp: incoming.occurredAt,
          incident,
          change: folded.change,
          provenance,
        }
      : null;
  const relays = config.events?.format === "pagerduty";
  const deliverable = notification !== null && (!relays || incoming.signature !== null);
  appendEntry(
    sql,
    {
      kind: incoming.kind,
      type: incoming.type,
      receivedAtMs: incoming.receivedAtMs,
      outcome,
      webhookId: incoming.provenance.webhookId,
      eventId: incoming.provenance.eventId,
      incidentId: incoming.incidentId,
      occurredAt: incoming.occurredAt,
      verification: incoming.provenance.verification,
      requestId: incoming.requestId,
      signature: incoming.signature,
      entry: timelineOf(folded),
      notification,
      payload: incoming.payload,
    },
    deliverable ? firstAttemptAtMs(config, nowMs) : null,
  );
  return { outcome, folded: { ...folded, state } };
}

function timelineOf({ change }: Folded): TimelineEntry | null {
  if (!change || !isLifecycle(change.kind)) return null;
  return { kind: change.kind, from: change.from, to: change.to, text: null };
}

/** Takes in one webhook that is known to be PagerDuty's. @returns what became of it */
export function takeIn(intake: Intake, webhook: ReceivedWebhook, nowMs: number): Outcome {
  const { sql } = intake;
  if (entryOfWebhook(sql, webhook.webhookId)) return "duplicate";
  const read = readBody(webhook.body);
  const record: NewEntry = {
    kind: "webhook",
    type: "unknown",
    outcome: "ignored",
    receivedAtMs: webhook.receivedAtMs,
    webhookId: webhook.webhookId,
    verification: "signature",
    requestId: webhook.requestId,
    payload: webhook.body,
  };
  if (!read.ok) {
    appendEntry(sql, { ...record, reason: read.problem }, null);
    return "ignored";
  }
  const { event } = read;
  return takeInEvent(
    intake,
    webhook,
    event,
    { ...record, type: event.event_type, eventId: event.id, occurredAt: event.occurred_at },
    nowMs,
  );
}

function takeInEvent(
  intake: Intake,
  webhook: ReceivedWebhook,
  event: PagerDutyEvent,
  record: NewEntry,
  nowMs: number,
): Outcome {
  const { sql } = intake;
  const effect = effectOf(event);
  const incidentId =
    effect.kind === "incident"
      ? effect.data.id
      : effect.kind === "fields"
        ? effect.data.incident.id
        : effect.kind === "timeline"
          ? effect.incidentId
          : null;
  if (entryOfEvent(sql, incidentId, event.id)) {
    appendEntry(sql, { ...record, incidentId, outcome: "duplicate" }, null);
    return "duplicate";
  }
  if (effect.kind === "none") {
    const reason = event.event_type === "pagey.ping" ? "PagerDuty's test event" : effect.reason;
    appendEntry(sql, { ...record, outcome: "ignored", reason }, null);
    return "ignored";
  }
  if (effect.kind === "timeline") {
    const entry = { kind: event.event_type, from: null, to: null, text: textOf(event) };
    appendEntry(sql, { ...record, incidentId, outcome: "applied", entry }, null);
    return "applied";
  }
  const stamp = { atMs: Date.parse(event.occurred_at), id: event.id };
  const observation: Observation =
    effect.kind === "incident"
      ? observeIncident(effect.data, stamp, {
          resolves: event.event_type === "incident.resolved",
          resolvedAt: null,
        })
      : {
          kind: "fields",
          stamp,
          fields: effect.data.custom_fields.map(({ name, value }) => ({ name, value })),
        };
  return apply(
    intake,
    {
      incidentId: effect.kind === "incident" ? effect.data.id : effect.data.incident.id,
      observation,
      kind: "webhook",
      type: event.event_type,
      notificationType: () => notificationTypeOf(event.event_type),
      occurredAt: event.occurred_at,
      provenance: { webhookId: webhook.webhookId, eventId: event.id, verification: "signature" },
      owesAnalysis: event.event_type === "incident.triggered" ? "triggered" : null,
      receivedAtMs: webhook.receivedAtMs,
      requestId: webhook.requestId,
      signature: webhook.signature,
      payload: webhook.body,
    },
    nowMs,
  ).outcome;
}

/** What a person reads on the timeline: a note's or a status update's own words. */
function textOf(event: PagerDutyEvent): string | null {
  const text = event.data?.["content"] ?? event.data?.["message"];
  return typeof text === "string" ? text.slice(0, 2000) : null;
}
