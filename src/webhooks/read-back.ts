import { incidentNumber } from "../connection/incident-number.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import type { CallProblem } from "../connection/tokens.ts";
import type { Folded } from "../incidents/fold.ts";
import type { IncidentState, Outcome } from "../incidents/incident.ts";
import { describe, log } from "../log.ts";
import type { ApiAnswer, ApiTarget } from "../pagerduty/api.ts";
import { getFieldValues, getIncident } from "../pagerduty/incidents.ts";
import { backoffMs } from "../retry-timing.ts";
import {
  boundConfirmed,
  boundUnconfirmed,
  confirmEntry,
  deferHint,
  endPause,
  failHint,
  finishHint,
  type Hint,
  hintedEntries,
  leaveUnconfirmed,
  NOT_VISIBLE,
  pauseHints,
} from "../storage/hints.ts";
import { loadIncident } from "../storage/incidents.ts";
import { countOfEvent, type Entry, MAX_DUPLICATES, payloadOf, removeEntry } from "../storage/journal.ts";
import { applyReading, type RestReading } from "../storage/rest-reading.ts";
import { tryTwice } from "../storage/set-aside.ts";
import { agreementOf, isTriggerOf } from "./claim.ts";

/**
 * Callback trust: an unsigned webhook is only a hint that its incident may have changed. The incident is read from
 * PagerDuty with the stored credential, and PagerDuty's answer is folded. A webhook that agrees with the answer is
 * confirmed.
 */

/** The wait between two readings of one incident. */
const RETRY = { firstMs: 5_000, maxMs: 15 * 60 * 1000 };
/**
 * The wait while the REST API may lag behind the webhook. It is short, because the incident's later webhooks wait too.
 */
const LAG_RETRY = { firstMs: 5_000, maxMs: 20_000 };
/** How long PagerDuty's REST API may lag behind a webhook. */
const MAX_LAG_MS = 30_000;
/** Unsigned webhooks are given up after this time. PagerDuty, too, retries its webhooks for two days. */
const GIVE_UP_AFTER_MS = 48 * 3600 * 1000;
/** After this many attempts, an incident whose custom fields cannot be read is folded without them. */
const ATTEMPTS_WITH_FIELDS = 3;
/** How often an incident's number may be asked for; the waits between them add up to some hours. */
const MAX_NUMBER_ATTEMPTS = 20;
/** How many webhooks one job may confirm or reject, so that thousands of them do not delay the other jobs. */
const BATCH = 100;
/** The `event.id` of an unsigned webhook is sent to Aurora only if it looks like an id from PagerDuty. */
const EVENT_ID = /^[A-Za-z0-9_-]{1,64}$/;

type Unread = CallProblem | { problem: "other_incident" };
type Answer = { ok: true; value: RestReading & { fieldsMissing: boolean } } | ({ ok: false } & Unread);

/**
 * Reads the incident of a hint, then confirms or rejects the incident's unsigned webhooks. If PagerDuty's answer cannot
 * be processed, these webhooks are marked as failed, so that the hint does not block the hints of other incidents.
 */
export async function readBack(context: TenantContext, hint: Hint): Promise<void> {
  const { sql, store } = context;
  const isCurrent = store.whileConnectedAsNow();
  try {
    await tryTwice(() => readAndSettle(context, hint));
  } catch (error) {
    if (!isCurrent()) return;
    log.error("hint.failed", { incidentId: hint.incidentId, error: describe(error) });
    failHint(sql, hint, "PagerDuty's answer could not be processed; see the log for hint.failed", Date.now());
  }
}

async function readAndSettle(context: TenantContext, hint: Hint): Promise<void> {
  const { sql, store, storage } = context;
  const isCurrent = store.whileConnectedAsNow();
  const entries = hintedEntries(sql, hint, BATCH);
  // No unsigned webhook waits any more, or the hint was only made to read the incident's number.
  if (entries.length === 0) return readNumber(context, hint);
  const answer = await read(context, hint);
  if (!isCurrent()) return;
  storage.transactionSync(() => settle(context, hint, entries, answer, Date.now()));
  log[answer.ok ? "info" : "warn"]("hint.read_back", {
    userId: store.connection?.userId,
    incidentId: hint.incidentId,
    webhooks: entries.length,
    result: answer.ok ? "read" : answer.problem,
  });
}

/** Reads the number of an incident whose webhooks did not contain the number. */
async function readNumber(context: TenantContext, hint: Hint): Promise<void> {
  const { sql, store } = context;
  const { incidentId, firstSeq } = hint;
  if (loadIncident(sql, incidentId).snapshot === null) return finishHint(sql, hint, firstSeq, Date.now());
  const isCurrent = store.whileConnectedAsNow();
  const answer = await incidentNumber(context, incidentId);
  if (!isCurrent()) return;
  const nowMs = Date.now();
  if (!answer.ok && hint.attempts < MAX_NUMBER_ATTEMPTS && maxWaitMs(answer) > 0) {
    return deferHint(sql, hint, firstSeq, nowMs + retryAfterMs(answer, hint));
  }
  finishHint(sql, hint, firstSeq, nowMs);
}

async function read({ client }: TenantContext, hint: Hint): Promise<Answer> {
  const askedAtMs = Date.now();
  const answer = await client.run((target) => readIncident(target, hint));
  if (!answer.ok) return answer;
  // PagerDuty also accepts an incident's number in place of its id, and numbers can be guessed.
  if (!answer.value) return { ok: false, problem: "other_incident" };
  return { ok: true, value: { ...answer.value, askedAtMs } };
}

/** `value` is null if PagerDuty answers with a different incident. */
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

function settle(context: TenantContext, hint: Hint, entries: Entry[], answer: Answer, nowMs: number): void {
  const { sql } = context;
  // A refused credential or a rate limit affects the readings of all incidents, so all hints pause.
  if (!answer.ok && answer.problem === "rate_limited")
    pauseHints(sql, nowMs, answer.retryAfterSeconds * 1000);
  else if (!answer.ok && answer.problem === "unauthorized") pauseHints(sql, nowMs, null);
  else endPause(sql);
  const judged = entries.map((entry) => {
    const payload = payloadOf(sql, entry.seq);
    const verdict = verdictOn(entry, payload, answer, nowMs);
    const triggers = answer.ok && isTriggered(entry) && isTriggerOf(payload, answer.value);
    return { entry, verdict, triggers };
  });
  const changed = answer.ok && foldReading(context, judged, answer.value, nowMs);
  const waiting: Entry[] = [];
  for (const { entry, verdict } of judged) {
    const { seq } = entry;
    if (verdict === "wait") waiting.push(entry);
    else if (verdict === "agrees") confirm(sql, entry, changed ? "applied" : "stale");
    // Another tenant of the same webhook URL may be able to read the incident. That tenant keeps the webhook.
    else if (entry.shared && !answer.ok) removeEntry(sql, seq);
    else {
      leaveUnconfirmed(sql, seq, verdict.reason);
      boundUnconfirmed(sql, seq);
    }
  }
  const [first] = waiting;
  if (first) deferHint(sql, hint, first.seq, nowMs + retryAfterMs(answer, hint));
  else finishHint(sql, hint, entries.at(-1)?.seq ?? hint.firstSeq, nowMs);
}

/**
 * Keeps at most `MAX_DUPLICATES` entries of an event, because anyone can post the same unsigned webhook many times.
 */
function confirm(sql: SqlStorage, { seq, incidentId, eventId }: Entry, outcome: Outcome): void {
  if (eventId !== null && countOfEvent(sql, incidentId, eventId) > MAX_DUPLICATES) removeEntry(sql, seq);
  else {
    confirmEntry(sql, seq, outcome);
    boundConfirmed(sql, seq);
  }
}

/**
 * Aurora gets the `webhookId` and `eventId` of the first webhook that agrees with PagerDuty's answer. Any other webhook
 * may be forged.
 * @returns whether the reading changed the incident
 */
function foldReading(context: TenantContext, judged: Judged[], read: RestReading, nowMs: number): boolean {
  const agreeing = judged.flatMap(({ entry, verdict }) => (verdict === "agrees" ? [entry] : []));
  const [first] = agreeing;
  const eventId = first?.eventId && EVENT_ID.test(first.eventId) ? first.eventId : null;
  const isOpen = read.incident.snapshot.pagerdutyStatus !== "resolved";
  /** An incident whose trigger is confirmed is analysed even if it has been changed or resolved since then. */
  const owesAnalysis = (before: IncidentState, { change }: Folded) =>
    agreeing.some(isTriggered) ||
    judged.some(({ triggers }) => triggers) ||
    change?.kind === "reopened" ||
    (isOpen && before.snapshot === null && judged.some(({ entry }) => isTriggered(entry)));
  return applyReading(
    context,
    read,
    {
      kind: "readback",
      provenance: { webhookId: first?.webhookId ?? null, eventId, verification: "callback" },
      analysisCause: (before, folded) => (owesAnalysis(before, folded) ? "triggered" : null),
      requestId: first?.requestId ?? null,
    },
    nowMs,
  );
}

const isTriggered = ({ type }: Entry) => type === "incident.triggered";

const NOT_SHOWN =
  "PagerDuty's answer about the incident cannot confirm an event of this type; store the webhook's signing secret, which proves such events";

type Verdict = "agrees" | "wait" | { reason: string };

/** `triggers`: whether the webhook proves that the incident was triggered. Does not depend on `verdict`. */
interface Judged {
  entry: Entry;
  verdict: Verdict;
  triggers: boolean;
}

function verdictOn(entry: Entry, payload: Uint8Array | null, answer: Answer, nowMs: number): Verdict {
  const ageMs = nowMs - entry.receivedAtMs;
  if (!answer.ok) {
    return ageMs < maxWaitMs(answer) ? "wait" : { reason: whyNot(answer) };
  }
  switch (agreementOf(payload, answer.value, answer.value.fieldsMissing)) {
    case "agrees":
      return "agrees";
    case "behind":
      if (ageMs < MAX_LAG_MS) return "wait";
      break;
    case "unknown":
      if (ageMs < GIVE_UP_AFTER_MS) return "wait";
      break;
    case "not_shown":
      return { reason: NOT_SHOWN };
    case "disagrees":
      break;
  }
  return { reason: "It does not agree with PagerDuty's answer about the incident" };
}

/** After a failed reading, the incident is read again until the webhook is this old. */
function maxWaitMs({ problem }: Unread): number {
  switch (problem) {
    case "other_incident":
    case "bad_request":
    case "not_in_plan":
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
  return backoffMs(attempts + 1, isLag ? LAG_RETRY : RETRY);
}

function whyNot({ problem }: Unread): string {
  switch (problem) {
    case "not_found":
      return NOT_VISIBLE;
    case "other_incident":
      return "PagerDuty has no incident with this id";
    case "unauthorized":
      return "PagerDuty refuses the credential, so the incident could not be read";
    case "forbidden":
      return "The credential may not read incidents";
    default:
      return "The incident could not be read from PagerDuty";
  }
}
