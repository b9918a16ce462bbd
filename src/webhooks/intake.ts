import { notificationTypeOf, type Observation } from "../incidents/fold.ts";
import type { Outcome } from "../incidents/incident.ts";
import { type Effect, effectOf, type PagerDutyEvent, readBody } from "../pagerduty/event.ts";
import { observeEvent } from "../pagerduty/observe.ts";
import { addHint } from "../storage/hints.ts";
import {
  appendEntry,
  countOfEvent,
  type Entry,
  entryOfEvent,
  entryOfWebhook,
  failedEntries,
  freeEntry,
  type NewEntry,
  payloadOf,
  removeEntry,
  type TimelineEntry,
} from "../storage/journal.ts";
import { apply, type RecordContext } from "../storage/record.ts";
import { boundUnconfirmed, MAX_UNCONFIRMED_BYTES } from "../storage/unconfirmed.ts";
import { claimOf } from "./claim.ts";
import type { ReceivedWebhook } from "./received.ts";

/**
 * Taking in one webhook: it is told apart from what is known, and folded into its incident. One that no
 * signature proves is written down and followed up over REST, and nothing of it counts.
 */

/** @returns what became of it; `unconfirmed` until the read-back of a hint */
export function takeIn(
  context: RecordContext,
  webhook: ReceivedWebhook,
  trust: "signature" | "callback",
  nowMs: number,
): Outcome {
  const { sql } = context;
  const known = entryOfWebhook(sql, webhook.webhookId);
  if (known && !isSuperseded(known, trust)) return "duplicate";
  if (known) freeEntry(sql, known.seq);
  const outcome = takeInNew(context, webhook, trust, nowMs);
  // Only now: the last place in the journal would be given away again, and a read-back may be about it.
  if (known) removeEntry(sql, known.seq);
  return outcome;
}

function takeInNew(
  context: RecordContext,
  webhook: ReceivedWebhook,
  trust: "signature" | "callback",
  nowMs: number,
): Outcome {
  const record = recordOf(webhook, trust);
  const read = readBody(webhook.body);
  if (!read.ok) {
    const noted = { ...record, type: "unknown", verification: trust, reason: read.problem };
    return note(context.sql, noted, trust);
  }
  return takeInEvent(context, read.event, record, trust, nowMs);
}

/** What is written down of a webhook; of one that nothing proves, no more than its read-back needs. */
function recordOf(webhook: ReceivedWebhook, trust: "signature" | "callback"): Brought {
  const { receivedAtMs, webhookId, requestId, signature, body } = webhook;
  const proved = trust === "signature";
  return {
    receivedAtMs,
    webhookId,
    requestId,
    signature: proved ? signature : null,
    payload: proved ? body : claimOf(body),
  };
}

/** What could not be processed before may be now; what is signed takes the place of what was not. */
function isSuperseded(known: Entry, trust: "signature" | "callback"): boolean {
  return known.outcome === "failed" || (known.outcome === "unconfirmed" && trust === "signature");
}

/** Writes down what could not be processed, unread, with the reason. */
export function park(sql: SqlStorage, webhook: ReceivedWebhook, trust: "signature" | "callback"): void {
  if (entryOfWebhook(sql, webhook.webhookId)) return;
  const reason =
    "It could not be processed in many tries; see the log for webhook.processed with this webhookId";
  appendEntry(
    sql,
    {
      kind: "webhook",
      type: "unknown",
      outcome: "failed",
      verification: trust,
      reason,
      ...recordOf(webhook, trust),
    },
    null,
  );
}

/** What was parked, as it came. @param webhookIds null for all */
export function failedWebhooks(
  sql: SqlStorage,
  webhookIds: readonly string[] | null,
  connection: { tenantId: string; connectionId: string; userId: string },
): { webhook: ReceivedWebhook; trust: "signature" | "callback" }[] {
  return failedEntries(sql, webhookIds).flatMap((entry) => {
    const body = payloadOf(sql, entry.seq);
    const { webhookId, signature, receivedAtMs } = entry;
    if (!body || webhookId === null) return [];
    const trust = entry.verification === "signature" ? "signature" : "callback";
    const requestId = entry.requestId ?? webhookId;
    return [
      {
        webhook: {
          ...connection,
          webhookId,
          verification: trust,
          secretId: null,
          shared: false,
          signature,
          receivedAtMs,
          requestId,
          body,
        },
        trust,
      },
    ];
  });
}

/** Of one event, written down. */
const MAX_DUPLICATES = 10;

type Brought = Pick<NewEntry, "receivedAtMs" | "webhookId" | "requestId" | "signature" | "payload">;

function takeInEvent(
  context: RecordContext,
  event: PagerDutyEvent,
  record: Brought,
  trust: "signature" | "callback",
  nowMs: number,
): Outcome {
  const { sql } = context;
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
  if (trust === "callback") {
    if (effect.kind === "none") return note(sql, { ...entry, reason: effect.reason }, trust);
    const seq = appendEntry(sql, { ...entry, kind: "webhook", outcome: "unconfirmed" }, null);
    addHint(sql, effect.incidentId, seq, nowMs);
    return "unconfirmed";
  }
  const earlier = entryOfEvent(sql, incidentId, event.id);
  if (earlier && earlier.outcome !== "unconfirmed") {
    // Whoever got hold of one signed body can send it for ever: of that a few lines are enough.
    if (countOfEvent(sql, incidentId, event.id) <= MAX_DUPLICATES) {
      appendEntry(
        sql,
        { ...entry, kind: "webhook", outcome: "duplicate", payload: null, signature: null },
        null,
      );
    }
    return "duplicate";
  }
  if (effect.kind === "none") return note(sql, { ...entry, reason: effect.reason }, trust);
  const line = lineOf(event, effect);
  if (effect.kind === "timeline") {
    appendEntry(sql, { ...entry, kind: "webhook", outcome: "applied", entry: line }, null);
    return "applied";
  }
  return apply(
    context,
    {
      incidentId: effect.incidentId,
      observation: observationOf(event, effect),
      kind: "webhook",
      type: event.event_type,
      notificationType: () => notificationTypeOf(event.event_type),
      occurredAt: event.occurred_at,
      provenance: { webhookId: record.webhookId ?? null, eventId: event.id, verification: "signature" },
      // One that was known only resolved, and for which nothing was asked, is looked into when it is reopened.
      owesAnalysis: (_, { change }) =>
        event.event_type === "incident.triggered" || change?.kind === "reopened" ? "triggered" : null,
      line,
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
  if (trust === "signature") {
    appendEntry(sql, { ...entry, kind: "webhook", outcome: "ignored" }, null);
    return "ignored";
  }
  const payload = entry.payload?.slice(0, MAX_UNCONFIRMED_BYTES) ?? null;
  const seq = appendEntry(sql, { ...entry, kind: "webhook", outcome: "unconfirmed", payload }, null);
  boundUnconfirmed(sql, seq);
  return "unconfirmed";
}

function observationOf(
  event: PagerDutyEvent,
  effect: Extract<Effect, { kind: "incident" | "fields" }>,
): Observation {
  const stamp = { atMs: Date.parse(event.occurred_at), id: event.id };
  if (effect.kind === "fields") return { kind: "fields", stamp, fields: effect.fields };
  const resolvedAt = event.event_type === "incident.resolved" ? event.occurred_at : null;
  return observeEvent(effect.data, stamp, resolvedAt);
}

/** Their line is the change of status that they make, or none. */
const STATUS_EVENTS = new Set([
  "incident.triggered",
  "incident.acknowledged",
  "incident.unacknowledged",
  "incident.resolved",
  "incident.reopened",
]);
/** A longer note is read at PagerDuty. */
const MAX_TEXT_CHARS = 2000;

/** What a person reads on the timeline of an event that changes no status. */
function lineOf(event: PagerDutyEvent, effect: Effect): TimelineEntry | null {
  const text = textOf(event, effect);
  if (STATUS_EVENTS.has(event.event_type) && text === null) return null;
  return { kind: event.event_type, from: null, to: null, text };
}

function textOf(event: PagerDutyEvent, effect: Effect): string | null {
  if (effect.kind === "fields") return effect.fields.map(({ name }) => name).join(", ");
  if (effect.kind === "incident") {
    const { resolve_reason: reason, priority } = effect.data;
    if (reason?.type === "merge_resolve_reason")
      return `Merged into ${reason.incident?.id ?? "another incident"}`;
    return event.event_type === "incident.priority_updated" ? (priority?.summary ?? "No priority") : null;
  }
  const text = event.data?.["content"] ?? event.data?.["message"];
  return typeof text === "string" ? text.slice(0, MAX_TEXT_CHARS) : null;
}
