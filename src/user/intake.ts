import { notificationTypeOf, type Observation } from "../incidents/fold.ts";
import { addHint } from "../incidents/hints.ts";
import type { Outcome } from "../incidents/incident.ts";
import {
  appendEntry,
  entryOfEvent,
  entryOfWebhook,
  type NewEntry,
  removeEntry,
} from "../incidents/journal.ts";
import { type Effect, effectOf, type PagerDutyEvent, readBody } from "../pagerduty/event.ts";
import { apply, type Folding, observeIncident } from "./folding.ts";
import type { ReceivedWebhook } from "./webhook.ts";

/**
 * Taking in one webhook: it is told apart from what is known, and folded into its incident. One that no
 * signature proves is written down and followed up over REST, and nothing of it counts.
 */

/** @returns what became of it; `unconfirmed` until the read-back of a hint */
export function takeIn(
  folding: Folding,
  webhook: ReceivedWebhook,
  trust: "signature" | "callback",
  nowMs: number,
): Outcome {
  const { sql } = folding;
  const known = entryOfWebhook(sql, webhook.webhookId);
  if (known && (known.outcome !== "unconfirmed" || trust === "callback")) return "duplicate";
  // An unsigned webhook came under this id before; what is signed takes its place.
  if (known) removeEntry(sql, known.seq);
  const { receivedAtMs, webhookId, requestId, signature, body } = webhook;
  const record = { receivedAtMs, webhookId, requestId, signature, payload: body };
  const read = readBody(body);
  if (!read.ok)
    return note(sql, { ...record, type: "unknown", verification: trust, reason: read.problem }, trust);
  return takeInEvent(folding, read.event, record, trust, nowMs);
}

type Record = Pick<NewEntry, "receivedAtMs" | "webhookId" | "requestId" | "signature" | "payload">;

function takeInEvent(
  folding: Folding,
  event: PagerDutyEvent,
  record: Record,
  trust: "signature" | "callback",
  nowMs: number,
): Outcome {
  const { sql } = folding;
  const effect = effectOf(event);
  const { incidentId } = effect;
  const entry = {
    ...record,
    type: event.event_type,
    eventId: event.id,
    incidentId,
    occurredAt: event.occurred_at,
    verification: trust,
  };
  if (effect.kind === "none") return note(sql, { ...entry, reason: effect.reason }, trust);
  if (trust === "callback") {
    const seq = appendEntry(sql, { ...entry, kind: "webhook", outcome: "unconfirmed" }, null);
    addHint(sql, effect.incidentId, seq, nowMs);
    return "unconfirmed";
  }
  const earlier = entryOfEvent(sql, incidentId, event.id);
  if (earlier && earlier.outcome !== "unconfirmed") {
    appendEntry(sql, { ...entry, kind: "webhook", outcome: "duplicate" }, null);
    return "duplicate";
  }
  if (effect.kind === "timeline") {
    const line = { kind: event.event_type, from: null, to: null, text: textOf(event) };
    appendEntry(sql, { ...entry, kind: "webhook", outcome: "applied", entry: line }, null);
    return "applied";
  }
  return apply(
    folding,
    {
      incidentId: effect.incidentId,
      observation: observationOf(event, effect),
      kind: "webhook",
      type: event.event_type,
      notificationType: () => notificationTypeOf(event.event_type),
      occurredAt: event.occurred_at,
      provenance: { webhookId: record.webhookId ?? null, eventId: event.id, verification: "signature" },
      owesAnalysis: () => (event.event_type === "incident.triggered" ? "triggered" : null),
      alwaysRecorded: true,
      record,
    },
    nowMs,
  );
}

/** What is written down and left. What no signature proves stays unconfirmed. */
function note(
  sql: SqlStorage,
  entry: Omit<NewEntry, "kind" | "outcome">,
  trust: "signature" | "callback",
): Outcome {
  const outcome = trust === "signature" ? "ignored" : "unconfirmed";
  appendEntry(sql, { ...entry, kind: "webhook", outcome }, null);
  return outcome;
}

function observationOf(
  event: PagerDutyEvent,
  effect: Extract<Effect, { kind: "incident" | "fields" }>,
): Observation {
  const stamp = { atMs: Date.parse(event.occurred_at), id: event.id };
  if (effect.kind === "fields") return { kind: "fields", stamp, fields: effect.fields };
  return observeIncident(effect.data, stamp, {
    resolves: event.event_type === "incident.resolved",
    resolvedAt: null,
  });
}

/** A longer note is read at PagerDuty. */
const MAX_TEXT_CHARS = 2000;

/** What a person reads on the timeline: a note's or a status update's own words. */
function textOf(event: PagerDutyEvent): string | null {
  const text = event.data?.["content"] ?? event.data?.["message"];
  return typeof text === "string" ? text.slice(0, MAX_TEXT_CHARS) : null;
}
