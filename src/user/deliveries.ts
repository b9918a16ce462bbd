import type { Config } from "../config.ts";
import { notificationBody } from "../delivery/notification.ts";
import { type AttemptOutcome, nextStep } from "../delivery/schedule.ts";
import { type Outgoing, relayedRequest, send, signedRequest } from "../delivery/sink.ts";
import { AppError } from "../errors.ts";
import type { Incident, Notification } from "../incidents/incident.ts";
import { type Entry, entryOfMessage, payloadOf } from "../incidents/journal.ts";
import { hurryDeliveries, markDead, markDelivered, markRetry } from "../incidents/outbox.ts";
import { loadIncident, saveIncident } from "../incidents/store.ts";
import { describe, log } from "../log.ts";
import { count } from "../metrics.ts";
import { getIncident } from "../pagerduty/incidents.ts";
import type { Account } from "./account.ts";
import type { Calls } from "./calls.ts";
import { firstAttemptAtMs } from "./folding.ts";
import type { Outage } from "./outage.ts";
import { deliveryView } from "./reading.ts";

/** One attempt to deliver one entry, from its row to its row. */

export interface Delivering extends Sending {
  calls: Calls;
  outage: Outage;
}

/** What a body is made of. */
export interface Sending {
  sql: SqlStorage;
  config: Config;
  account: Account;
}

/** Tries once and writes down what came of it. Never throws. */
export async function deliver(delivering: Delivering, entry: Entry): Promise<void> {
  const { config, account, sql, outage } = delivering;
  const connectionId = account.connection?.connectionId;
  const startedAtMs = Date.now();
  const outcome = await attempt(delivering, entry);
  // Disconnected, or connected to another account, while it was under way: the row is gone.
  if (account.connection?.connectionId !== connectionId) return;
  const nowMs = Date.now();
  const nextDueAtMs = firstAttemptAtMs(config, nowMs) ?? nowMs;
  const attempts = outage.takeEarly(entry.seq) ? entry.attempts : entry.attempts + 1;
  const step = nextStep(outcome, attempts, config.deliverySchedule, nowMs, Math.random());
  const error = outcome.kind === "failed" ? outcome.error : null;
  if (step.step === "delivered") {
    markDelivered(sql, entry, nowMs, nextDueAtMs);
    if (outage.accepted(nowMs)) outage.hurried(hurryDeliveries(sql, nowMs));
  } else {
    outage.failed(entry.incidentId);
    if (step.step === "retry") markRetry(sql, entry, attempts, step.atMs, error ?? "");
    else markDead(sql, entry, error ?? "", nextDueAtMs);
  }
  const level = step.step === "delivered" ? "info" : step.step === "retry" ? "warn" : "error";
  log[level]("delivery.attempt", {
    requestId: entry.requestId,
    userId: account.connection?.userId,
    incidentId: entry.incidentId,
    messageId: entry.notification?.messageId,
    type: entry.notification?.type,
    version: entry.notification?.incident.version,
    attempt: attempts,
    step: step.step,
    error,
    durationMs: nowMs - startedAtMs,
    sinceReceivedMs: nowMs - entry.receivedAtMs,
  });
  count("delivery", account.connection?.userId, step.step, nowMs - entry.receivedAtMs);
}

async function attempt(delivering: Delivering, entry: Entry): Promise<AttemptOutcome> {
  const failed = (error: string): AttemptOutcome => ({ kind: "failed", error, retryAfterSeconds: null });
  try {
    const told = entry.notification?.incident ?? null;
    // PagerDuty's own body is relayed as it is, with a number or without.
    const relays = delivering.config.events?.format === "pagerduty";
    const incident = relays ? told : await withNumber(delivering, told);
    if (typeof incident === "string") return failed(incident);
    const outgoing = request(delivering, entry, incident);
    return outgoing
      ? await send(outgoing)
      : failed("It cannot be sent: part of it is missing from the storage");
  } catch (error) {
    log.error("delivery.broken", { incidentId: entry.incidentId, seq: entry.seq, error: describe(error) });
    return failed("It cannot be sent: an unexpected error, see the log");
  }
}

/** The incident with the number that Aurora knows it by; or why it cannot be had now. */
async function withNumber(
  delivering: Delivering,
  incident: Incident | null,
): Promise<Incident | string | null> {
  if (incident === null || incident.sourceAlertId !== incident.incidentId) return incident;
  const { sql, calls } = delivering;
  const { incidentId } = incident;
  let { number } = loadIncident(sql, incidentId);
  if (number === null) {
    const read = await calls.run((target) => getIncident(target, incidentId));
    if (read.ok) number = read.value.number ?? null;
    else if (read.problem === "rate_limited" || read.problem === "unavailable") {
      return "The incident's number could not be read from PagerDuty, which does not answer";
    } else if (read.problem === "not_connected") return "Disconnected while its number was read";
    // Refused for good: an incident under its id is better than none.
    if (number === null) return incident;
    const state = loadIncident(sql, incidentId);
    saveIncident(sql, state, { ...state, number }, Date.now());
  }
  return { ...incident, sourceAlertId: String(number) };
}

function request(delivering: Delivering, entry: Entry, incident: Incident | null): Outgoing | null {
  const { events } = delivering.config;
  const userId = delivering.account.connection?.userId;
  const { notification, webhookId: id, signature } = entry;
  const body = bodyOf(delivering, entry, incident);
  if (!events || userId === undefined || !notification || body === null) return null;
  if (typeof body !== "string") {
    return id && signature ? relayedRequest(events.url, userId, { id, signature, body }) : null;
  }
  return events.secret
    ? signedRequest(events.url, events.secret, notification.messageId, body, new Date())
    : null;
}

/**
 * What is sent of an entry, by the format in force: our notification as text, or PagerDuty's own bytes.
 * @param incident as Aurora shall know it
 */
function bodyOf(
  { config, account, sql }: Sending,
  entry: Entry,
  incident: Incident | null,
): string | Uint8Array<ArrayBuffer> | null {
  const { notification } = entry;
  if (config.events?.format === "pagerduty") return payloadOf(sql, entry.seq);
  if (!account.connection || !notification || !incident) return null;
  const told: Notification = { ...notification, incident };
  return notificationBody(told, account.connection, eventOf(sql, entry));
}

/** One delivery with the body that goes to Aurora, or went. @throws {AppError} not_found */
export function deliveryDetail(sending: Sending, messageId: string) {
  const entry = entryOfMessage(sending.sql, messageId);
  if (!entry) throw new AppError("not_found", "No such delivery");
  const body = bodyOf(sending, entry, entry.notification?.incident ?? null);
  return {
    ...deliveryView(entry),
    payload: body instanceof Uint8Array ? new TextDecoder().decode(body) : body,
  };
}

/** PagerDuty's event as it came; null unless its signature was verified. */
function eventOf(sql: SqlStorage, entry: Entry): unknown {
  if (entry.verification !== "signature" || entry.kind !== "webhook") return null;
  const payload = payloadOf(sql, entry.seq);
  if (!payload) return null;
  const body: unknown = JSON.parse(new TextDecoder().decode(payload));
  return typeof body === "object" && body !== null && "event" in body ? body.event : null;
}
