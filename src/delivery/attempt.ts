import type { AuroraTarget } from "../aurora/calls.ts";
import { incidentNumber } from "../connection/incident-number.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import type { Incident, Notification } from "../incidents/incident.ts";
import { describe, log } from "../log.ts";
import { count } from "../metrics.ts";
import { deliveryIdOf, type Entry, payloadOf } from "../storage/journal.ts";
import { firstAttemptAtMs } from "../storage/record.ts";
import { failureText } from "./advice.ts";
import { notificationBody } from "./notification.ts";
import { markDead, markDelivered, markRetry, retryEarly } from "./outbox.ts";
import { type AttemptOutcome, deadAtMs, grantedWaitSeconds, type NextStep, nextStep } from "./schedule.ts";
import { type Outgoing, relayedRequest, send, signedRequest } from "./sink.ts";

/** One attempt to deliver one entry: reads its row, sends it to Aurora, stores the result. */

export interface DeliveryContext extends TenantContext {
  aurora: AuroraTarget;
}

/** How long to wait before PagerDuty is asked again for an incident's number. */
const NUMBER_RETRY_MS = 30_000;
/** How long a delivery waits for its incident's number; then the incident is sent with its id instead. */
const MAX_NUMBER_WAIT_MS = 60 * 60 * 1000;

/** The result of a try: an attempt as the schedule counts it, or a try that ended before Aurora was called. */
type Tried = AttemptOutcome | { kind: "postponed"; error: string };

/** Tries once and stores the result. Never throws. */
export async function deliver(context: DeliveryContext, entry: Entry): Promise<void> {
  const { config, store } = context;
  const connectionId = store.connection?.connectionId;
  const startedAtMs = Date.now();
  const outcome = await attempt(context, entry);
  // After a disconnect or a change of accounts the row is gone, and its number may be another entry's.
  if (store.connection?.connectionId !== connectionId) return;
  const nowMs = Date.now();
  const { plannedAtMs } = entry;
  const early = plannedAtMs !== null && startedAtMs < plannedAtMs ? plannedAtMs : null;
  const step = stepAfter(outcome, entry.attempts, early, config.deliverySchedule, nowMs);
  const error = errorText(outcome, step, config.deliverySchedule);
  settle(context, entry, step, early, { outcome, error }, nowMs);
  const level = step.step === "delivered" ? "info" : step.step === "retry" ? "warn" : "error";
  log[level]("delivery.attempt", {
    requestId: entry.requestId,
    userId: store.connection?.userId,
    incidentId: entry.incidentId,
    messageId: deliveryIdOf(entry),
    type: entry.notification?.type ?? entry.type,
    version: entry.notification?.incident.version,
    attempt: step.attempts,
    step: step.step,
    error: outcome.kind === "accepted" ? null : error,
    durationMs: nowMs - startedAtMs,
    sinceReceivedMs: nowMs - entry.receivedAtMs,
  });
  count("delivery", store.connection?.userId, step.step, nowMs - entry.receivedAtMs);
}

type Step = NextStep & { attempts: number };

/**
 * Decides what follows a try. A try that came before its planned time, or that ended before Aurora was called, uses up
 * no attempt of the schedule when it fails.
 * @param plannedAtMs the planned time of a try that came before it; null for a planned try
 */
function stepAfter(
  outcome: Tried,
  attempts: number,
  plannedAtMs: number | null,
  schedule: readonly number[],
  nowMs: number,
): Step {
  if (outcome.kind === "accepted") return { step: "delivered", attempts: attempts + 1 };
  if (outcome.kind === "postponed") {
    return { step: "retry", atMs: Math.max(plannedAtMs ?? 0, nowMs + NUMBER_RETRY_MS), attempts };
  }
  if (plannedAtMs !== null) {
    const waitMs = grantedWaitSeconds(outcome.retryAfterSeconds) * 1000;
    return { step: "retry", atMs: Math.max(plannedAtMs, nowMs + waitMs), attempts };
  }
  return { ...nextStep(outcome, attempts + 1, schedule, nowMs, Math.random()), attempts: attempts + 1 };
}

/** A failed try in the words that are kept and shown. */
function errorText(outcome: Tried, step: Step, schedule: readonly number[]): string {
  if (outcome.kind === "accepted") return "";
  if (outcome.kind === "postponed") return outcome.error;
  const deadAt = step.step === "retry" ? deadAtMs(step.attempts, step.atMs, schedule) : null;
  return failureText(outcome.error, outcome.advice, deadAt);
}

function settle(
  { sql, config }: TenantContext,
  entry: Entry,
  step: Step,
  plannedAtMs: number | null,
  { outcome, error }: { outcome: Tried; error: string },
  nowMs: number,
): void {
  const nextDueAtMs = firstAttemptAtMs(config, nowMs) ?? nowMs;
  if (step.step === "dead") markDead(sql, entry, error, nextDueAtMs);
  else if (step.step === "delivered") {
    markDelivered(sql, entry, nowMs, nextDueAtMs);
    retryEarly(sql, nowMs);
  } else {
    const waitSeconds = outcome.kind === "failed" ? grantedWaitSeconds(outcome.retryAfterSeconds) : 0;
    const notBeforeMs = waitSeconds === 0 ? null : nowMs + waitSeconds * 1000;
    markRetry(sql, entry, { attempts: step.attempts, atMs: step.atMs, plannedAtMs, notBeforeMs, error });
  }
}

async function attempt(context: DeliveryContext, entry: Entry): Promise<Tried> {
  const failed = (error: string): AttemptOutcome => ({
    kind: "failed",
    error,
    advice: null,
    retryAfterSeconds: null,
  });
  try {
    const notified = entry.notification?.incident ?? null;
    // PagerDuty's own body is relayed unchanged, so it needs no number.
    const relays = context.config.events?.format === "v3";
    const incident = relays ? notified : await withNumber(context, entry, notified);
    if (typeof incident === "string") return { kind: "postponed", error: incident };
    const outgoing = request(context, entry, incident);
    const { events } = context.config;
    return outgoing && events
      ? await send(context.aurora, events, outgoing)
      : failed("It cannot be sent: part of it is missing from the storage");
  } catch (error) {
    log.error("delivery.broken", { incidentId: entry.incidentId, seq: entry.seq, error: describe(error) });
    return failed("It cannot be sent: an unexpected error, see the log");
  }
}

/** Whether the number has to be read from PagerDuty first. */
const lacksNumber = ({ notification }: Entry): boolean =>
  notification !== null && notification.incident.sourceAlertId === notification.incident.incidentId;

/** The incident with its number, by which Aurora knows it; a text that says why the number cannot be read now. */
async function withNumber(
  context: TenantContext,
  entry: Entry,
  incident: Incident | null,
): Promise<Incident | string | null> {
  if (incident === null || !lacksNumber(entry)) return incident;
  const answer = await incidentNumber(context, incident.incidentId);
  if (answer.ok) {
    return answer.value === null ? incident : { ...incident, sourceAlertId: String(answer.value) };
  }
  if (answer.problem === "not_connected") return "Disconnected while its number was read";
  if (isTemporary(answer.problem) && Date.now() - entry.receivedAtMs < MAX_NUMBER_WAIT_MS) {
    return "The incident's number could not be read from PagerDuty, which does not answer";
  }
  // Aurora gets the incident under its id rather than not at all.
  return incident;
}

const isTemporary = (problem: string) => problem === "rate_limited" || problem === "unavailable";

function request(context: TenantContext, entry: Entry, incident: Incident | null): Outgoing | null {
  const { events } = context.config;
  const userId = context.store.connection?.userId;
  const { notification, webhookId: id, signature } = entry;
  const body = bodyOf(context, entry, incident);
  if (!events || userId === undefined || body === null) return null;
  if (typeof body !== "string") {
    return id && signature ? relayedRequest(events.url, userId, { id, signature, body }) : null;
  }
  return events.secret && notification
    ? signedRequest(events.url, events.secret, notification.messageId, body, new Date())
    : null;
}

/**
 * The body that is sent for an entry, in the configured format: our notification as text, or PagerDuty's own bytes.
 * @param incident the notification's incident, completed with its number
 */
export function bodyOf(
  { config, store, sql }: TenantContext,
  entry: Entry,
  incident: Incident | null,
): string | Uint8Array<ArrayBuffer> | null {
  const { notification } = entry;
  if (config.events?.format === "v3") return payloadOf(sql, entry.seq);
  if (!store.connection || !notification || !incident) return null;
  const completed: Notification = { ...notification, incident };
  return notificationBody(completed, store.connection, eventOf(sql, entry));
}

/** PagerDuty's event, unchanged; null unless its signature was verified. */
function eventOf(sql: SqlStorage, entry: Entry): unknown {
  if (entry.verification !== "signature" || entry.kind !== "webhook") return null;
  const payload = payloadOf(sql, entry.seq);
  if (!payload) return null;
  const body: unknown = JSON.parse(new TextDecoder().decode(payload));
  return typeof body === "object" && body !== null && "event" in body ? body.event : null;
}
