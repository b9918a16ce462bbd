import { notificationTypeOf, type Observation } from "../incidents/fold.ts";
import type { Outcome } from "../incidents/incident.ts";
import { describe, log } from "../log.ts";
import { count } from "../metrics.ts";
import { annotatedNoteOf, type Effect, effectOf, type PagerDutyEvent, readBody } from "../pagerduty/event.ts";
import { observeEvent } from "../pagerduty/observe.ts";
import { addHint, boundUnconfirmed, boundWaiting, MAX_UNCONFIRMED_BYTES } from "../storage/hints.ts";
import {
  appendEntry,
  countOfEvent,
  type Entry,
  entryOfEvent,
  entryOfWebhook,
  freeEntry,
  MAX_DUPLICATES,
  type NewEntry,
  removeEntry,
} from "../storage/journal.ts";
import { isOwnNote } from "../storage/own-notes.ts";
import { apply, type RecordContext, type WebhookRecord } from "../storage/record.ts";
import { claimOf } from "./claim.ts";
import type { ReceivedWebhook, Trust } from "./received.ts";
import { timelineLineOf } from "./timeline.ts";
import type { Verifier } from "./verify.ts";

/** `not_connected`: the tenant has no connection any more, so the webhook may be for another tenant. */
export type Taken = Outcome | "not_connected";

/**
 * Takes in webhooks: recognizes duplicates and folds events into their incidents. A webhook without a valid signature
 * changes no incident. It is stored, and its incident is read from PagerDuty later.
 */

export class Intake {
  readonly #context: RecordContext;
  readonly #verifier: Verifier;
  readonly #expectGap: () => void;

  /** @param expectGap called when a refused webhook may be genuine; its event may then be missing here */
  constructor(context: RecordContext, verifier: Verifier, expectGap: () => void = () => undefined) {
    this.#context = context;
    this.#verifier = verifier;
    this.#expectGap = expectGap;
  }

  /** Takes in all webhooks, even if some fail. */
  async takeAll(webhooks: ReceivedWebhook[]): Promise<Taken[]> {
    const outcomes: Taken[] = [];
    for (const webhook of webhooks) outcomes.push(await this.take(webhook));
    const counts = Map.groupBy(outcomes, (outcome) => outcome);
    log.info("batch.processed", {
      tenantId: webhooks[0]?.tenantId,
      webhooks: webhooks.length,
      outcomes: [...counts].map(([outcome, { length }]) => `${outcome} ${length}`).join(", "),
    });
    return outcomes;
  }

  /** @param trust if undefined, the verifier decides how far to trust the webhook */
  async take(webhook: ReceivedWebhook, trust?: Trust): Promise<Taken> {
    const nowMs = Date.now();
    const { requestId, tenantId, userId, webhookId, receivedAtMs } = webhook;
    let outcome: Taken;
    let error: string | undefined;
    try {
      const verdict = trust ? { trust, shared: webhook.shared } : await this.#verifier.verify(webhook);
      if (verdict === "not_connected") {
        outcome = verdict;
      } else if (verdict === "refused") {
        outcome = "ignored";
        error = "It arrived for an earlier connection, and no secret of the present one proves it";
        this.#expectGap();
      } else {
        const received = { ...webhook, shared: verdict.shared };
        outcome = this.#context.storage.transactionSync(() =>
          takeIn(this.#context, received, verdict.trust, nowMs),
        );
      }
    } catch (thrown) {
      outcome = "failed";
      error = describe(thrown);
    }
    const waitedMs = nowMs - receivedAtMs;
    // An applied webhook needs no log line, because its deliveries are logged with the same `requestId`.
    if (outcome !== "applied") {
      const level = outcome === "failed" ? "error" : "info";
      log[level]("webhook.processed", { requestId, tenantId, webhookId, outcome, error, waitedMs });
    }
    count("processed", userId, outcome, waitedMs);
    return outcome;
  }
}

/** Stores a webhook and applies its event. @returns `unconfirmed` if PagerDuty has to be asked first */
export function takeIn(
  context: RecordContext,
  webhook: ReceivedWebhook,
  trust: Trust,
  nowMs: number,
): Outcome {
  const { sql } = context;
  const read = readBody(webhook.body);
  const known = entryOfWebhook(sql, webhook.webhookId, read.ok ? read.event.id : null);
  if (known && !isSuperseded(known, trust)) return "duplicate";
  if (known) freeEntry(sql, known.seq);
  const record = recordOf(webhook, trust);
  const outcome = read.ok
    ? takeInEvent(context, read.event, record, trust, nowMs)
    : storeUnused(sql, { ...record, type: "unknown", verification: trust, reason: read.problem }, trust);
  // The old row is removed only after the new row was added. Otherwise SQLite might give the old row's number to the
  // new row, while a hint still refers to that number.
  if (known) removeEntry(sql, known.seq);
  return outcome;
}

/** Converts a webhook to the form in which it is stored. Without a valid signature, a long body is shortened. */
export function recordOf(webhook: ReceivedWebhook, trust: Trust): WebhookRecord {
  const { receivedAtMs, webhookId, requestId, shared, body } = webhook;
  const proved = trust === "signature";
  return {
    receivedAtMs,
    webhookId,
    requestId,
    shared: shared && !proved,
    payload: proved ? body : claimOf(body),
  };
}

function isSuperseded(known: Entry, trust: Trust): boolean {
  return known.outcome === "failed" || (known.outcome === "unconfirmed" && trust === "signature");
}

function takeInEvent(
  context: RecordContext,
  event: PagerDutyEvent,
  record: WebhookRecord,
  trust: Trust,
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
    if (effect.kind === "none") return storeUnused(sql, { ...entry, reason: effect.reason }, trust);
    const seq = appendEntry(sql, { ...entry, kind: "webhook", outcome: "unconfirmed" }, null);
    addHint(sql, effect.incidentId, seq, nowMs);
    boundWaiting(sql, effect.incidentId, seq);
    return "unconfirmed";
  }
  const earlier = entryOfEvent(sql, incidentId, event.id);
  if (earlier && earlier.outcome !== "unconfirmed") {
    // Anyone who has a signed body can send it any number of times, so only a few repetitions are stored.
    if (countOfEvent(sql, incidentId, event.id) <= MAX_DUPLICATES) {
      appendEntry(sql, { ...entry, kind: "webhook", outcome: "duplicate", payload: null }, null);
    }
    return "duplicate";
  }
  if (effect.kind === "none") return storeUnused(sql, { ...entry, reason: effect.reason }, trust);
  const line = timelineLineOf(event, effect);
  if (effect.kind === "timeline") {
    const note = annotatedNoteOf(event);
    const reason = note && isOwnNote(sql, effect.incidentId, note, nowMs) ? "A note that Aurora wrote" : null;
    appendEntry(sql, { ...entry, kind: "webhook", outcome: "applied", reason, timelineLine: line }, null);
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
      analysisCause: (_, { change }) =>
        event.event_type === "incident.triggered" || change?.kind === "reopened" ? "triggered" : null,
      line,
      alwaysRecorded: true,
      record,
    },
    nowMs,
  );
}

/** Stores a webhook that changes nothing. */
function storeUnused(sql: SqlStorage, entry: Omit<NewEntry, "kind" | "outcome">, trust: Trust): Outcome {
  if (trust === "signature") {
    appendEntry(sql, { ...entry, kind: "webhook", outcome: "ignored" }, null);
    return "ignored";
  }
  // Nothing can confirm this webhook, so only the start of a long body is stored. If the webhook may belong to another
  // tenant or account (`shared`), its body is not stored.
  const payload = entry.shared ? null : (entry.payload?.slice(0, MAX_UNCONFIRMED_BYTES) ?? null);
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
