import type { TenantContext } from "../connection/tenant-context.ts";
import type { CallProblem } from "../connection/tokens.ts";
import { describe, log } from "../log.ts";
import type { ApiAnswer, ApiTarget } from "../pagerduty/api.ts";
import { getFieldValues, getIncident } from "../pagerduty/incidents.ts";
import { deferHint, endPause, finishHint, type Hint, hintedEntries, pauseHints } from "../storage/hints.ts";
import { loadIncident, saveNumber } from "../storage/incidents.ts";
import { type Entry, payloadOf } from "../storage/journal.ts";
import { applyReading, type RestReading } from "../storage/rest-reading.ts";
import { boundUnconfirmed, confirmEntry, leaveUnconfirmed } from "../storage/unconfirmed.ts";
import { judge } from "./claim.ts";

/**
 * Callback trust: an unsigned webhook is only a hint. Its incident is read back from PagerDuty with the user's
 * own credential, and that is what counts; the webhook itself is confirmed when it agrees.
 */

const MIN_RETRY_MS = 5_000;
const MAX_RETRY_MS = 15 * 60 * 1000;
/** As long as PagerDuty itself would have tried. */
const GIVE_UP_AFTER_MS = 48 * 3600 * 1000;
/** PagerDuty's REST API can be behind its webhooks: until then what it does not know is asked for again. */
const MAX_LAG_MS = 30_000;
/** Between such tries; later webhooks of the incident must not wait for long. */
const MAX_LAG_RETRY_MS = 20_000;
/** Then an incident is taken without its fields, which follow. */
const ATTEMPTS_WITH_FIELDS = 3;
/** Of reading a number: some hours. */
const MAX_NUMBER_ATTEMPTS = 20;
/** Settled in one go, so that thousands that waited do not stop everything else. */
const BATCH = 100;
/** What a stranger wrote into `event.id` goes no further unless it looks like one. */
const EVENT_ID = /^[A-Za-z0-9_-]{1,64}$/;

type Unread = CallProblem | { problem: "other_incident" };
type Answer = { ok: true; value: RestReading & { fieldsMissing: boolean } } | ({ ok: false } & Unread);

/** Answers one hint: unsigned webhooks so far that point at its incident. */
export async function readBack(context: TenantContext, hint: Hint): Promise<void> {
  const { sql, store, storage } = context;
  const connectionId = store.connection?.connectionId;
  const entries = hintedEntries(sql, hint, BATCH);
  // What waited was given up or has been proved meanwhile; or nothing did, and only its number is not known.
  if (entries.length === 0) return readNumber(context, hint);
  const answer = await read(context, hint);
  if (store.connection?.connectionId !== connectionId) return;
  const nowMs = Date.now();
  try {
    storage.transactionSync(() => settle(context, hint, entries, answer, nowMs));
  } catch (error) {
    // One that cannot be folded must not stand in the way of the others.
    log.error("hint.failed", { incidentId: hint.incidentId, error: describe(error) });
    deferHint(sql, hint, hint.firstSeq, nowMs + MAX_RETRY_MS);
    return;
  }
  log[answer.ok ? "info" : "warn"]("hint.read_back", {
    userId: store.connection?.userId,
    incidentId: hint.incidentId,
    webhooks: entries.length,
    result: answer.ok ? "read" : answer.problem,
  });
}

/** Reads the number of an incident whose events tell none. */
async function readNumber({ sql, store, client }: TenantContext, hint: Hint): Promise<void> {
  const { incidentId, firstSeq } = hint;
  const known = loadIncident(sql, incidentId);
  if (known.number !== null || known.snapshot === null) return finishHint(sql, hint, firstSeq, Date.now());
  const connectionId = store.connection?.connectionId;
  const answer = await client.run((target) => getIncident(target, incidentId));
  if (store.connection?.connectionId !== connectionId) return;
  const nowMs = Date.now();
  if (!answer.ok && hint.attempts < MAX_NUMBER_ATTEMPTS && patienceMs(answer) > 0) {
    return deferHint(sql, hint, firstSeq, nowMs + retryAfterMs(answer, hint));
  }
  const number = answer.ok && answer.value.incidentId === incidentId ? answer.value.number : null;
  if (number !== null) saveNumber(sql, incidentId, number, nowMs);
  finishHint(sql, hint, firstSeq, nowMs);
}

async function read({ client }: TenantContext, hint: Hint): Promise<Answer> {
  const askedAtMs = Date.now();
  const answer = await client.run((target) => readIncident(target, hint));
  if (!answer.ok) return answer;
  // PagerDuty takes an incident's number for its id, too, which anybody can guess.
  if (!answer.value) return { ok: false, problem: "other_incident" };
  return { ok: true, value: { ...answer.value, askedAtMs } };
}

/** Null when PagerDuty answers with an incident of another id. */
async function readIncident(
  target: ApiTarget,
  hint: Hint,
): Promise<ApiAnswer<(Omit<RestReading, "askedAtMs"> & { fieldsMissing: boolean }) | null>> {
  const incident = await getIncident(target, hint.incidentId);
  if (!incident.ok) return incident;
  if (incident.value.incidentId !== hint.incidentId) return { ok: true, value: null };
  const fields = await getFieldValues(target, hint.incidentId);
  const fieldsMissing = !fields.ok;
  if (!fields.ok && (fields.problem !== "unavailable" || hint.attempts < ATTEMPTS_WITH_FIELDS)) return fields;
  return {
    ok: true,
    value: { incident: incident.value, fields: fields.ok ? fields.value : null, fieldsMissing },
  };
}

/** Gives each entry its verdict, and says when those that have to wait for one are looked at again. */
function settle(context: TenantContext, hint: Hint, entries: Entry[], answer: Answer, nowMs: number): void {
  const { sql } = context;
  // What stops one read-back for the credential's sake stops them all.
  if (!answer.ok && answer.problem === "rate_limited")
    pauseHints(sql, nowMs, answer.retryAfterSeconds * 1000);
  else if (!answer.ok && answer.problem === "unauthorized") pauseHints(sql, nowMs, null);
  else endPause(sql);
  const isNews = answer.ok && foldReading(context, entries, answer.value, nowMs);
  const waiting: Entry[] = [];
  for (const entry of entries) {
    const { seq } = entry;
    const verdict = verdictOn(entry, payloadOf(sql, seq), answer, nowMs);
    if (verdict === "wait") waiting.push(entry);
    else if (verdict === "agrees") confirmEntry(sql, seq, isNews ? "applied" : "stale");
    else {
      leaveUnconfirmed(sql, seq, verdict.reason);
      boundUnconfirmed(sql, seq);
    }
  }
  const [first] = waiting;
  if (first) deferHint(sql, hint, first.seq, nowMs + retryAfterMs(answer, hint));
  else finishHint(sql, hint, entries.at(-1)?.seq ?? hint.firstSeq, nowMs);
}

/** @returns whether it was news */
function foldReading(context: TenantContext, entries: Entry[], read: RestReading, nowMs: number): boolean {
  const [first] = entries;
  if (!first) return false;
  const saysTriggered = entries.some(({ type }) => type === "incident.triggered");
  const eventId = first.eventId !== null && EVENT_ID.test(first.eventId) ? first.eventId : null;
  return applyReading(
    context,
    read,
    {
      kind: "readback",
      provenance: { webhookId: first.webhookId, eventId, verification: "callback" },
      // That it was triggered is true of every incident, and worth looking into also when it is over by now.
      owesAnalysis: (_, { change }) => (saysTriggered || change?.kind === "reopened" ? "triggered" : null),
      requestId: first.requestId,
    },
    nowMs,
  );
}

type Verdict = "agrees" | "wait" | { reason: string };

function verdictOn(entry: Entry, payload: Uint8Array | null, answer: Answer, nowMs: number): Verdict {
  const ageMs = nowMs - entry.receivedAtMs;
  if (!answer.ok) {
    return ageMs < patienceMs(answer) ? "wait" : { reason: whyNot(answer) };
  }
  switch (judge(payload, answer.value, answer.value.fieldsMissing)) {
    case "agrees":
      return "agrees";
    case "behind":
      if (ageMs < MAX_LAG_MS) return "wait";
      break;
    case "unknown":
      if (ageMs < GIVE_UP_AFTER_MS) return "wait";
      break;
    case "disagrees":
      break;
  }
  return { reason: "It does not agree with what PagerDuty says of the incident" };
}

/** How long after its arrival a webhook waits for a better answer. */
function patienceMs({ problem }: Unread): number {
  switch (problem) {
    case "other_incident":
    case "bad_request":
      return 0;
    case "not_found":
      return MAX_LAG_MS;
    default:
      return GIVE_UP_AFTER_MS;
  }
}

function retryAfterMs(answer: Answer, { attempts }: Hint): number {
  if (!answer.ok && answer.problem === "rate_limited") return answer.retryAfterSeconds * 1000;
  const isLag = answer.ok ? !answer.value.fieldsMissing : answer.problem === "not_found";
  return Math.min(MIN_RETRY_MS * 2 ** attempts, isLag ? MAX_LAG_RETRY_MS : MAX_RETRY_MS);
}

function whyNot({ problem }: Unread): string {
  switch (problem) {
    case "not_found":
      return "PagerDuty knows no such incident";
    case "other_incident":
      return "PagerDuty knows no incident of this id";
    case "unauthorized":
      return "PagerDuty refuses the credential, so the incident could not be read";
    case "forbidden":
      return "The credential may not read incidents";
    default:
      return "The incident could not be read from PagerDuty";
  }
}
