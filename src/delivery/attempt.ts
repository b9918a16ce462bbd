import type { AuroraTarget } from "../aurora/calls.ts";
import { incidentNumber } from "../connection/incident-number.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import { lacksNumber } from "../incidents/fold.ts";
import { describe, log } from "../log.ts";
import { count } from "../metrics.ts";
import { isTemporary } from "../pagerduty/api.ts";
import { grantedWaitSeconds } from "../retry-timing.ts";
import { deliveryIdOf, type Entry, entryAt } from "../storage/journal.ts";
import { firstAttemptAtMs } from "../storage/record.ts";
import { tryTwice } from "../storage/set-aside.ts";
import { recordFailedAttempt } from "./attempts.ts";
import { bodiesOf } from "./bodies.ts";
import { type FailureParts, failureText } from "./failure-text.ts";
import {
  isPending,
  markBroken,
  markDead,
  markDelivered,
  markRetry,
  markSentParts,
  retryEarly,
} from "./outbox.ts";
import { queueAnalysisRequest } from "./redelivery.ts";
import { type AttemptOutcome, deadAtMs, errorClassOf, type NextStep, nextStep } from "./schedule.ts";
import { addressOf, send } from "./sink.ts";

/**
 * Makes one attempt at one delivery: reads the delivery's journal row, sends the row's notification to Aurora, and
 * stores the result.
 */

export interface DeliveryContext extends TenantContext {
  aurora: AuroraTarget;
}

/** The wait before an incident's number is requested from PagerDuty again. */
const NUMBER_RETRY_MS = 30_000;
/** A delivery may wait this long for its incident's number. After this time, every try counts as an attempt. */
const MAX_NUMBER_WAIT_MS = 60 * 60 * 1000;

/**
 * The result of a try. `postponed`: no attempt was made, because the incident's number cannot be read from PagerDuty
 * for now. `lacksNumber`: the attempt failed, because PagerDuty does not return the number that Aurora needs.
 */
type Tried = (AttemptOutcome & { lacksNumber?: true }) | { kind: "postponed"; error: string };

/**
 * Makes one attempt and stores the result. If the delivery cannot be processed, marks it as dead, so that the
 * incident's next delivery can follow.
 */
export async function deliver(context: DeliveryContext, seq: number): Promise<void> {
  const isCurrent = context.store.whileConnectedAsNow();
  try {
    await tryTwice(() => tryOnce(context, seq));
  } catch (error) {
    if (!isCurrent()) return;
    log.error("delivery.broken", { seq, error: describe(error) });
    markBroken(
      context.sql,
      seq,
      "It cannot be processed because of an unexpected error; see the log",
      Date.now(),
    );
  }
}

async function tryOnce(context: DeliveryContext, seq: number): Promise<void> {
  const { sql, config, store } = context;
  const isCurrent = store.whileConnectedAsNow();
  const entry = entryAt(sql, seq);
  if (entry?.delivery !== "pending") return;
  const startedAtMs = Date.now();
  const outcome = await attempt(context, entry);
  // After a disconnect or a change of accounts this row is gone, and another entry may have its number.
  if (!isCurrent()) return;
  const nowMs = Date.now();
  const { plannedAtMs } = entry;
  const early = plannedAtMs !== null && startedAtMs < plannedAtMs ? plannedAtMs : null;
  const step = stepAfter(outcome, entry.attempts, early, config.deliverySchedule, nowMs);
  const failure = failureOf(outcome, step, config.deliverySchedule);
  // If storing the result fails, only this step is repeated, without another call to Aurora.
  await tryTwice(() =>
    context.storage.transactionSync(() =>
      settle(context, entry, { step, early, outcome, failure, startedAtMs, nowMs }),
    ),
  );
  const level = step.step === "delivered" ? "info" : step.step === "retry" ? "warn" : "error";
  log[level]("delivery.attempt", {
    requestId: entry.requestId,
    tenantId: store.tenantId,
    incidentId: entry.incidentId,
    messageId: deliveryIdOf(entry),
    type: entry.notification?.type ?? entry.type,
    version: entry.notification?.incident.version,
    attempt: step.attempts,
    step: step.step,
    error: outcome.kind === "accepted" ? null : failureText(failure),
    durationMs: nowMs - startedAtMs,
    sinceReceivedMs: nowMs - entry.receivedAtMs,
  });
  count("delivery", store.connection?.userId, step.step, nowMs - entry.receivedAtMs);
}

type Step = NextStep & { attempts: number };

/**
 * Decides what happens after a try. Failed early attempts and postponed tries use up no attempt of the schedule.
 * @param plannedAtMs after an early attempt, the time of the next planned attempt; null after a planned attempt
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

/** Returns the failure in its stored form. */
function failureOf(outcome: Tried, step: Step, schedule: readonly number[]): FailureParts {
  if (outcome.kind === "accepted") return { error: "", advice: null, failsAtMs: null };
  if (outcome.kind === "postponed") return { error: outcome.error, advice: null, failsAtMs: null };
  const failsAtMs = step.step === "retry" ? deadAtMs(step.attempts, step.atMs, schedule) : null;
  return { error: outcome.error, advice: outcome.advice, failsAtMs };
}

interface Settled {
  step: Step;
  /** After an early attempt, the time of the next planned attempt; null after a planned attempt. */
  early: number | null;
  outcome: Tried;
  failure: FailureParts;
  startedAtMs: number;
  nowMs: number;
}

function settle({ sql, config }: DeliveryContext, entry: Entry, settled: Settled): void {
  const { step, early, outcome, startedAtMs, nowMs } = settled;
  const status = outcome.kind === "postponed" ? null : outcome.status;
  if (outcome.kind === "failed") {
    const durationMs = nowMs - startedAtMs;
    const attempted = { atMs: startedAtMs, status, answer: outcome.error, durationMs, early: early !== null };
    recordFailedAttempt(sql, entry.seq, attempted);
  }
  // If a person stopped the redelivery during this attempt, the delivery is already dead, and the incident's next
  // delivery is pending. A failed attempt then leaves the delivery dead. If Aurora accepted the attempt, the delivery
  // is marked as delivered.
  const isStopped = !isPending(sql, entry.seq);
  if (isStopped && step.step !== "delivered") return;
  const nextDueAtMs = firstAttemptAtMs(config, nowMs) ?? nowMs;
  const finish = { attempts: step.attempts, status, nowMs, nextDueAtMs };
  const failure = { ...settled.failure, errorClass: classOf(outcome) };
  if (step.step === "dead") markDead(sql, entry, failure, finish);
  else if (step.step === "delivered") {
    if (needsAnalysisRequest(config, entry)) queueAnalysisRequest(sql, entry.incidentId, nextDueAtMs);
    markDelivered(sql, isStopped ? { ...entry, incidentId: null } : entry, finish);
    retryEarly(sql, nowMs);
  } else {
    const waitSeconds = outcome.kind === "failed" ? grantedWaitSeconds(outcome.retryAfterSeconds) : 0;
    const notBeforeMs = waitSeconds === 0 ? null : nowMs + waitSeconds * 1000;
    const lane = outcome.kind === "postponed" || outcome.lacksNumber ? "missingNumber" : "again";
    const { attempts, atMs } = step;
    const retry = { lane, attempts, atMs, plannedAtMs: early, notBeforeMs, status } as const;
    markRetry(sql, entry.seq, { ...retry, ...failure });
  }
}

/** Format `notifications` needs a request for analysis after the delivery that reports a new incident. */
const needsAnalysisRequest = ({ events }: DeliveryContext["config"], { notification }: Entry): boolean =>
  events?.format === "notifications" && notification?.change.kind === "created";

/** A postponed try counts as `not_sent`, because Aurora was not called. */
const classOf = (outcome: Tried) =>
  outcome.kind === "failed" ? errorClassOf(outcome.cause, outcome.status) : "not_sent";

const failed = (error: string): AttemptOutcome => ({
  kind: "failed",
  cause: "not_sent",
  status: null,
  error,
  advice: null,
  retryAfterSeconds: null,
});

async function attempt(context: DeliveryContext, entry: Entry): Promise<Tried> {
  const { config, aurora } = context;
  const isCurrent = context.store.whileConnectedAsNow();
  try {
    const waits = await numberWait(context, entry);
    if (waits) return waits;
    const { connection } = context.store;
    const { events } = config;
    if (!connection) return failed("It cannot be sent: nobody is connected");
    if (!events) return failed("It cannot be sent: no address of Aurora is configured");
    const made = bodiesOf(context.sql, events.format, entry, connection);
    if (made.kind === "waits_for_number") {
      const error = "PagerDuty does not return the incident's number, and Aurora drops incidents without one";
      return { ...failed(error), lacksNumber: true };
    }
    if (made.kind === "unusable") return failed(`It cannot be sent: ${made.reason}`);
    const { bodies, recipient } = made;
    const address = await addressOf(events, recipient);
    // `address` is a hash of the format, the URL and the recipient. If it has changed, all bodies are sent again.
    const sentParts = entry.sentTo === address ? entry.sentParts : 0;
    let outcome: AttemptOutcome = { kind: "accepted", status: null };
    for (const [index, body] of bodies.entries()) {
      if (index < sentParts) continue;
      outcome = await send(aurora, events, recipient, body);
      // After a disconnect the entry is gone, and a new entry may have the same `seq`.
      if (outcome.kind === "failed" || !isCurrent()) return outcome;
      if (index < bodies.length - 1) markSentParts(context.sql, entry.seq, index + 1, address);
    }
    return outcome;
  } catch (error) {
    log.error("delivery.broken", { incidentId: entry.incidentId, seq: entry.seq, error: describe(error) });
    return failed("It cannot be sent because of an unexpected error; see the log");
  }
}

/**
 * Reads a missing incident number from PagerDuty and stores it.
 * @returns a postponed try if PagerDuty does not answer; null if the attempt can go on
 */
async function numberWait(context: DeliveryContext, entry: Entry): Promise<Tried | null> {
  const { notification } = entry;
  if (!notification || !lacksNumber(notification.incident)) return null;
  const answer = await incidentNumber(context, notification.incident.incidentId);
  if (answer.ok) return null;
  if (answer.problem === "not_connected") {
    return { kind: "postponed", error: "PagerDuty was disconnected while the incident's number was read" };
  }
  if (isTemporary(answer) && Date.now() - entry.receivedAtMs < MAX_NUMBER_WAIT_MS) {
    return {
      kind: "postponed",
      error: "The incident's number could not be read, because PagerDuty does not answer",
    };
  }
  return null;
}
