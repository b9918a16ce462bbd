import type { TenantContext } from "../connection/tenant-context.ts";
import type { Incident, Notification } from "../incidents/incident.ts";
import { describe, log } from "../log.ts";
import { count } from "../metrics.ts";
import { getIncident } from "../pagerduty/incidents.ts";
import { loadIncident, saveNumber } from "../storage/incidents.ts";
import { deliveryIdOf, type Entry, payloadOf } from "../storage/journal.ts";
import { firstAttemptAtMs } from "../storage/record.ts";
import { notificationBody } from "./notification.ts";
import { MAX_HURRIED, MAX_LOOKED_AT, type Outage, WORTH_HURRYING_MS } from "./outage.ts";
import { markDead, markDelivered, markRetry, reschedule, waitingDeliveries } from "./outbox.ts";
import { type AttemptOutcome, type NextStep, nextStep, patienceSeconds } from "./schedule.ts";
import { type Outgoing, relayedRequest, send, signedRequest } from "./sink.ts";

/** One attempt to deliver one entry, from its row to its row. */

export interface DeliveryContext extends TenantContext {
  outage: Outage;
}

/** Until PagerDuty is asked for a number again that it did not tell. */
const NUMBER_RETRY_MS = 30_000;
/** For so long a delivery waits for its incident's number; then the incident goes out under its id. */
const NUMBER_PATIENCE_MS = 60 * 60 * 1000;

/** What came of a try: an attempt as the schedule knows it, or one that ended before Aurora was asked. */
type Tried = AttemptOutcome | { kind: "postponed"; error: string };

/** Tries once and writes down what came of it. Never throws. */
export async function deliver(context: DeliveryContext, entry: Entry): Promise<void> {
  const { config, store } = context;
  const connectionId = store.connection?.connectionId;
  const startedAtMs = Date.now();
  const outcome = await attempt(context, entry);
  // Disconnected, or connected to another account, while it was under way: the row is gone.
  if (store.connection?.connectionId !== connectionId) return;
  const nowMs = Date.now();
  const plannedAtMs = context.outage.plannedAfter(entry.seq, nowMs);
  const step = stepAfter(outcome, entry, plannedAtMs, config.deliverySchedule, nowMs);
  settle(context, entry, step, outcome, nowMs);
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
    error: outcome.kind === "accepted" ? null : outcome.error,
    durationMs: nowMs - startedAtMs,
    sinceReceivedMs: nowMs - entry.receivedAtMs,
  });
  count("delivery", store.connection?.userId, step.step, nowMs - entry.receivedAtMs);
}

type Step = NextStep & { attempts: number };

/**
 * What comes next. A try before its planned time, or one that did not get as far as Aurora, uses up nothing of the
 * schedule when it fails.
 */
function stepAfter(
  outcome: Tried,
  { attempts }: Entry,
  plannedAtMs: number | null,
  schedule: readonly number[],
  nowMs: number,
): Step {
  if (outcome.kind === "accepted") return { step: "delivered", attempts: attempts + 1 };
  if (outcome.kind === "postponed") {
    return { step: "retry", atMs: Math.max(plannedAtMs ?? 0, nowMs + NUMBER_RETRY_MS), attempts };
  }
  if (plannedAtMs !== null) {
    const askedMs = patienceSeconds(outcome.retryAfterSeconds) * 1000;
    return { step: "retry", atMs: Math.max(plannedAtMs, nowMs + askedMs), attempts };
  }
  return { ...nextStep(outcome, attempts + 1, schedule, nowMs, Math.random()), attempts: attempts + 1 };
}

function settle(context: DeliveryContext, entry: Entry, step: Step, outcome: Tried, nowMs: number): void {
  const { sql, config, outage } = context;
  const nextDueAtMs = firstAttemptAtMs(config, nowMs) ?? nowMs;
  const error = outcome.kind === "accepted" ? "" : outcome.error;
  if (step.step === "retry") {
    const asked = outcome.kind === "failed" ? patienceSeconds(outcome.retryAfterSeconds) : 0;
    const notBeforeMs = asked === 0 ? null : nowMs + asked * 1000;
    markRetry(sql, entry, { attempts: step.attempts, atMs: step.atMs, notBeforeMs, error });
    return;
  }
  outage.done(entry.seq);
  if (step.step === "dead") markDead(sql, entry, error, nextDueAtMs);
  else {
    markDelivered(sql, entry, nowMs, nextDueAtMs);
    if (outage.quiet) hurry(context, nowMs);
  }
}

/** Aurora takes deliveries: what waits for long is tried now, but not before the time that Aurora asked for. */
function hurry({ sql, outage }: DeliveryContext, nowMs: number): void {
  const waiting = waitingDeliveries(sql, nowMs + WORTH_HURRYING_MS, MAX_LOOKED_AT)
    .filter(({ seq, notBeforeMs }) => outage.mayHurry(seq) && (notBeforeMs ?? 0) <= nowMs)
    .slice(0, MAX_HURRIED);
  for (const { seq, atMs } of waiting) {
    reschedule(sql, seq, nowMs);
    outage.hurried(seq, atMs);
  }
}

async function attempt(context: DeliveryContext, entry: Entry): Promise<Tried> {
  const failed = (error: string): AttemptOutcome => ({ kind: "failed", error, retryAfterSeconds: null });
  try {
    const told = entry.notification?.incident ?? null;
    // PagerDuty's own body is relayed as it is, with a number or without.
    const relays = context.config.events?.format === "v3";
    const incident = relays ? told : await withNumber(context, entry, told);
    if (typeof incident === "string") return { kind: "postponed", error: incident };
    const outgoing = request(context, entry, incident);
    return outgoing
      ? await send(outgoing)
      : failed("It cannot be sent: part of it is missing from the storage");
  } catch (error) {
    log.error("delivery.broken", { incidentId: entry.incidentId, seq: entry.seq, error: describe(error) });
    return failed("It cannot be sent: an unexpected error, see the log");
  }
}

/** Whether the number has to be read from PagerDuty first. */
const lacksNumber = ({ notification }: Entry): boolean =>
  notification !== null && notification.incident.sourceAlertId === notification.incident.incidentId;

/** The incident with the number that Aurora knows it by; or why it cannot be had now. */
async function withNumber(
  context: DeliveryContext,
  entry: Entry,
  incident: Incident | null,
): Promise<Incident | string | null> {
  if (incident === null || !lacksNumber(entry)) return incident;
  const { sql, client } = context;
  const { incidentId } = incident;
  let { number } = loadIncident(sql, incidentId);
  if (number === null) {
    const read = await client.run((target) => getIncident(target, incidentId));
    if (read.ok) number = read.value.number;
    else if (read.problem === "not_connected") return "Disconnected while its number was read";
    else if (isPassing(read.problem) && Date.now() - entry.receivedAtMs < NUMBER_PATIENCE_MS) {
      return "The incident's number could not be read from PagerDuty, which does not answer";
    }
    // Refused for good, or for too long: an incident under its id is better than none.
    if (number === null) return incident;
    saveNumber(sql, incidentId, number, Date.now());
  }
  return { ...incident, sourceAlertId: String(number) };
}

const isPassing = (problem: string) => problem === "rate_limited" || problem === "unavailable";

function request(context: DeliveryContext, entry: Entry, incident: Incident | null): Outgoing | null {
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
 * What is sent of an entry, by the format in force: our notification as text, or PagerDuty's own bytes.
 * @param incident as Aurora shall know it
 */
export function bodyOf(
  { config, store, sql }: TenantContext,
  entry: Entry,
  incident: Incident | null,
): string | Uint8Array<ArrayBuffer> | null {
  const { notification } = entry;
  if (config.events?.format === "v3") return payloadOf(sql, entry.seq);
  if (!store.connection || !notification || !incident) return null;
  const told: Notification = { ...notification, incident };
  return notificationBody(told, store.connection, eventOf(sql, entry));
}

/** PagerDuty's event as it came; null unless its signature was verified. */
function eventOf(sql: SqlStorage, entry: Entry): unknown {
  if (entry.verification !== "signature" || entry.kind !== "webhook") return null;
  const payload = payloadOf(sql, entry.seq);
  if (!payload) return null;
  const body: unknown = JSON.parse(new TextDecoder().decode(payload));
  return typeof body === "object" && body !== null && "event" in body ? body.event : null;
}
