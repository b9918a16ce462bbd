import { deferHint, finishHint, type Hint, hintedEntries } from "../incidents/hints.ts";
import type { Outcome } from "../incidents/incident.ts";
import { type Entry, leaveUnconfirmed, payloadOf, setOutcome } from "../incidents/journal.ts";
import { describe, log } from "../log.ts";
import type { ApiAnswer, ApiTarget } from "../pagerduty/api.ts";
import { effectOf, type FieldValues, readBody } from "../pagerduty/event.ts";
import { getFieldValues, getIncident, type RestIncident } from "../pagerduty/incidents.ts";
import type { Account } from "./account.ts";
import type { CallProblem, Calls } from "./calls.ts";
import type { Folding } from "./folding.ts";
import { applyReading, type RestReading } from "./rest-folding.ts";

/**
 * Callback trust: an unsigned webhook is only a hint. Its incident is read back from PagerDuty with the user's
 * own credential, and that is what counts; the webhook itself is confirmed when it agrees.
 */

const MIN_RETRY_MS = 5_000;
const MAX_RETRY_MS = 15 * 60 * 1000;
/** As long as PagerDuty itself would have tried. */
const GIVE_UP_AFTER_MS = 48 * 3600 * 1000;
/** What a stranger wrote into `event.id` goes no further unless it looks like one. */
const EVENT_ID = /^[A-Za-z0-9_-]{1,64}$/;

export interface ReadingBack extends Folding {
  storage: DurableObjectStorage;
  account: Account;
  calls: Calls;
}

/** Answers one hint: all unsigned webhooks so far that point at its incident. */
export async function readBack(reading: ReadingBack, hint: Hint): Promise<void> {
  const { sql, account, calls } = reading;
  const connectionId = account.connection?.connectionId;
  const entries = hintedEntries(sql, hint);
  const askedAtMs = Date.now();
  const answer = await calls.run((target) => readIncident(target, hint.incidentId));
  if (account.connection?.connectionId !== connectionId) return;
  const nowMs = Date.now();
  try {
    reading.storage.transactionSync(() => settle());
  } catch (error) {
    // One that cannot be folded must not stand in the way of the others.
    log.error("hint.failed", { incidentId: hint.incidentId, error: describe(error) });
    deferHint(sql, hint, nowMs + MAX_RETRY_MS);
    return;
  }
  log[answer.ok ? "info" : "warn"]("hint.read_back", {
    userId: account.connection?.userId,
    incidentId: hint.incidentId,
    webhooks: entries.length,
    result: answer.ok ? "read" : answer.problem,
  });

  function settle(): void {
    if (answer.ok) confirm(reading, entries, { ...answer.value, askedAtMs }, nowMs);
    else if (!isFinal(answer, entries, nowMs)) {
      deferHint(sql, hint, retryAtMs(answer, hint, nowMs));
      return;
    } else for (const { seq } of entries) leaveUnconfirmed(sql, seq, whyNot(answer));
    finishHint(sql, hint, entries.at(-1)?.seq ?? hint.firstSeq, nowMs);
  }
}

async function readIncident(
  target: ApiTarget,
  incidentId: string,
): Promise<ApiAnswer<{ incident: RestIncident; fields: FieldValues | null }>> {
  const incident = await getIncident(target, incidentId);
  if (!incident.ok) return incident;
  const fields = await getFieldValues(target, incidentId);
  // A key may read incidents and not their fields, and an account may have none.
  return { ok: true, value: { incident: incident.value, fields: fields.ok ? fields.value : null } };
}

function confirm(reading: ReadingBack, entries: Entry[], read: RestReading, nowMs: number): void {
  const [first] = entries;
  if (!first) return;
  const saysTriggered = entries.some(({ type }) => type === "incident.triggered");
  const eventId = first.eventId !== null && EVENT_ID.test(first.eventId) ? first.eventId : null;
  const applied = applyReading(
    reading,
    read,
    {
      kind: "readback",
      provenance: { webhookId: first.webhookId, eventId, verification: "callback" },
      // That it was triggered once is true of every incident; only an open one is worth looking into.
      owesAnalysis: () => (saysTriggered && read.incident.status !== "resolved" ? "triggered" : null),
      requestId: first.requestId,
    },
    nowMs,
  );
  const outcome: Outcome = applied ? "applied" : "stale";
  for (const { seq } of entries) {
    if (agrees(payloadOf(reading.sql, seq), read)) setOutcome(reading.sql, seq, outcome, null);
    else
      setOutcome(
        reading.sql,
        seq,
        "unconfirmed",
        "It does not agree with what PagerDuty says of the incident",
      );
  }
}

/** Whether what a webhook claims is what PagerDuty says, or was before a change that came later. */
function agrees(payload: Uint8Array | null, { incident, fields }: RestReading): boolean {
  const read = payload ? readBody(payload) : null;
  if (!read?.ok) return false;
  const effect = effectOf(read.event);
  if (effect.kind === "fields") {
    const now = new Map(fields?.map(({ name, value }) => [name, JSON.stringify(value ?? null)]));
    return effect.fields.every(({ name, value }) => now.get(name) === JSON.stringify(value ?? null));
  }
  if (effect.kind !== "incident") return false;
  const { data } = effect;
  const sameStatus = data.status === incident.status;
  const changedLater = Date.parse(incident.updatedAt ?? "") > Date.parse(read.event.occurred_at);
  return (
    data.title === incident.title &&
    data.service?.id === incident.service?.id &&
    data.urgency === incident.urgency &&
    (data.priority?.summary ?? null) === (incident.priority?.summary ?? null) &&
    (sameStatus || changedLater)
  );
}

function isFinal(problem: CallProblem, entries: Entry[], nowMs: number): boolean {
  if (problem.problem === "not_found" || problem.problem === "bad_request") return true;
  const [first] = entries;
  return first === undefined || nowMs - first.receivedAtMs > GIVE_UP_AFTER_MS;
}

function retryAtMs(problem: CallProblem, hint: Hint, nowMs: number): number {
  if (problem.problem === "rate_limited") return nowMs + problem.retryAfterSeconds * 1000;
  return nowMs + Math.min(MIN_RETRY_MS * 2 ** hint.attempts, MAX_RETRY_MS);
}

function whyNot(problem: CallProblem): string {
  switch (problem.problem) {
    case "not_found":
      return "PagerDuty knows no such incident";
    case "unauthorized":
      return "PagerDuty refuses the credential, so the incident could not be read";
    case "forbidden":
      return "The credential may not read incidents";
    default:
      return "The incident could not be read from PagerDuty";
  }
}
