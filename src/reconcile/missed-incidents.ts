import type { TenantContext } from "../connection/tenant-context.ts";
import type { CallProblem } from "../connection/tokens.ts";
import type { RestIncident } from "../incidents/rest-stamp.ts";
import { log } from "../log.ts";
import { getFieldValues, getIncident } from "../pagerduty/incidents.ts";
import type { Filter } from "../pagerduty/subscriptions.ts";
import { loadHeld, nextLiveIncidentId } from "../storage/incidents.ts";
import { applyReading, isNews, isUnseen, type RestReading } from "../storage/rest-reading.ts";
import { setAside, tryTwice } from "../storage/set-aside.ts";
import { readStored } from "../storage/stored-value.ts";
import { lookAtLists } from "./incident-lists.ts";
import { isHistory, isWorthStoring, NO_PROGRESS, newCheck, Progress, resumed } from "./progress.ts";
import { ask, type Run, type Stop } from "./run.ts";

/**
 * Recovery: finds changes that no webhook reported. It reads the incidents over REST, and folds (merges) the changes
 * into the stored state. A check covers the time since the last finished check, and at least the
 * last day. The check lists the incidents created in this time, and the open incidents whose status changed in this
 * time. It also looks up every stored open incident. A check may stop early, because of a rate limit, an error, or its
 * own limits. The next check then continues it.
 */

/** The check stops after this time, because a caller may wait for its result. */
const MAX_RUN_MS = 60_000;
/** Calls to PagerDuty in one run; an invocation may make 50 subrequests on the free plan. */
export const MAX_CHECK_CALLS = 40;
/** How many of the `MAX_CHECK_CALLS` are reserved for the check of the subscription, which runs first. */
const SUBSCRIPTION_CALLS = 8;
/** The check stops if PagerDuty fails to return this many incidents in a row. */
const MAX_FAILURES_IN_A_ROW = 3;
/**
 * After this many failed attempts, an incident is removed from `Progress.left`, the list of incidents to read later. If
 * the last attempt reads the incident but not its custom fields, the incident is folded without them.
 */
const MAX_ATTEMPTS = 5;
/** The check stops when this many incidents are left for a later check. */
const MAX_LEFT = 100;
const KEY = "recovery";

export interface RecoveryResult {
  checked: number;
  recovered: number;
  /** Why the check stopped, or why one of the incidents could not be read. */
  problem: CallProblem | null;
  /** Whether some incidents could not be listed: PagerDuty lists at most 10,000 incidents of the same second. */
  incomplete: boolean;
  /** Whether the check stopped at its limit of time or of calls. */
  unfinished: boolean;
}

/**
 * Starts a new check, or continues the unfinished check.
 * @param seen the incidents that the continued check has looked at; emptied for a new check
 * @param asked whether a person asked for the check. Such a check also recovers incidents that were resolved before
 * the user connected, or more than RETENTION_DAYS ago
 */
export async function recover(
  context: TenantContext,
  filter: Filter | null,
  asked: boolean,
  nowMs: number,
  seen: Set<string> = new Set(),
): Promise<RecoveryResult> {
  const { storage, store, config } = context;
  const progress = readStored(storage, KEY, Progress) ?? NO_PROGRESS;
  const connectedAtMs = progress.connectedAtMs ?? Date.parse(store.connection?.validatedAt ?? "");
  const unfinished = resumed(progress, filter, nowMs);
  if (!unfinished) seen.clear();
  const run: Run = {
    context,
    // An incident that the retention removed here must not be sent to Aurora a second time.
    historyEndsAtMs: asked ? 0 : Math.max(connectedAtMs, nowMs - config.retentionMs),
    connectionId: store.connection?.connectionId,
    check: unfinished ?? newCheck(progress, filter, nowMs),
    left: new Map(progress.left.map(({ incidentId, attempts }) => [incidentId, attempts])),
    seen,
    failuresInARow: 0,
    failure: null,
    saidWithoutFields: false,
    endAtMs: nowMs + MAX_RUN_MS,
    callsLeft: MAX_CHECK_CALLS - SUBSCRIPTION_CALLS,
  };
  const stop =
    (await lookAtLists(run, lookAt)) ?? (await lookAtOpen(run)) ?? (await lookAtLeft(run, progress.left));
  const { checked, recovered, untilMs, incomplete } = run.check;
  if (run.connectionId === undefined || store.connection?.connectionId !== run.connectionId)
    return {
      checked,
      recovered,
      problem: { problem: "not_connected" },
      incomplete: false,
      unfinished: false,
    };
  const left = [...run.left].map(([incidentId, attempts]) => ({ incidentId, attempts }));
  const next: Progress = stop
    ? { ...progress, connectedAtMs, unfinished: run.check, left }
    : { connectedAtMs, checkedUntilMs: untilMs, unfinished: null, left };
  if (isWorthStoring(progress, next)) storage.kv.put(KEY, next);
  if (recovered > 0) {
    log.warn("incidents.recovered", { userId: store.connection?.userId, checked, recovered });
  }
  if (stop?.problem === "out_of_time")
    return { checked, recovered, problem: null, incomplete, unfinished: true };
  return { checked, recovered, problem: stop ?? run.failure, incomplete, unfinished: false };
}

/** Looks up the stored open incidents that this check has not looked at yet. */
async function lookAtOpen(run: Run): Promise<Stop | null> {
  for (;;) {
    const incidentId = nextLiveIncidentId(run.context.sql, run.check.openAfter);
    if (incidentId === null) return null;
    const stop = await lookUp(run, incidentId);
    if (!stop || run.left.has(incidentId)) run.check = { ...run.check, openAfter: incidentId };
    if (stop) return stop;
  }
}

/** Looks up the incidents that PagerDuty failed to return in earlier checks. */
async function lookAtLeft(run: Run, left: Progress["left"]): Promise<Stop | null> {
  for (const { incidentId } of left) {
    const stop = await lookUp(run, incidentId);
    if (stop) return stop;
  }
  return null;
}

async function lookUp(run: Run, incidentId: string): Promise<Stop | null> {
  if (run.seen.has(incidentId)) return null;
  const stop = await readOne(run, incidentId);
  if (stop === null || run.left.has(incidentId)) run.seen.add(incidentId);
  return stop;
}

async function readOne(run: Run, incidentId: string): Promise<Stop | null> {
  const askedAtMs = Date.now();
  const answer = await ask(run, (target) => getIncident(target, incidentId));
  if (answer.ok) return lookAt(run, answer.value, askedAtMs);
  switch (answer.problem) {
    // The incident was deleted, or this credential may not see it, so there is nothing to fold.
    case "not_found":
    case "bad_request":
    case "not_in_plan":
    case "forbidden":
      run.left.delete(incidentId);
      return null;
    case "unavailable":
      return leave(run, incidentId, answer);
    default:
      return answer;
  }
}

/** Folds an incident and its custom fields into the stored state if they may have changed. */
async function lookAt(run: Run, incident: RestIncident, askedAtMs: number): Promise<Stop | null> {
  try {
    return await tryTwice(() => foldOne(run, incident, askedAtMs));
  } catch (error) {
    // `foldOne` threw twice: the fault is in the code or in the stored row, not at PagerDuty.
    setAside(run.context.sql, incident.incidentId, error, Date.now());
    run.left.delete(incident.incidentId);
    return null;
  }
}

async function foldOne(run: Run, incident: RestIncident, askedAtMs: number): Promise<Stop | null> {
  const { context, left } = run;
  const held = loadHeld(context.sql, incident.incidentId);
  const { state } = held;
  const isOpen = incident.snapshot.pagerdutyStatus !== "resolved";
  let recovered = false;
  const isLeft = state.snapshot === null && isHistory(incident.resolvedAt, run.historyEndsAtMs);
  if (!isLeft && (isOpen || isUnseen(state, incident) || isNews(held, incident, askedAtMs))) {
    const fields = await ask(run, (target) => getFieldValues(target, incident.incidentId));
    const isLastAttempt = (left.get(incident.incidentId) ?? 0) + 1 >= MAX_ATTEMPTS;
    if (!fields.ok && (fields.problem !== "unavailable" || !isLastAttempt)) {
      return fields.problem === "unavailable" ? leave(run, incident.incidentId, fields) : fields;
    }
    if (fields.ok && fields.value === null) sayWithoutFields(run);
    const reading = { incident, fields: fields.ok ? fields.value : null, askedAtMs };
    recovered = context.storage.transactionSync(() => fold(context, reading, isOpen));
  }
  left.delete(incident.incidentId);
  run.failuresInARow = 0;
  const { check } = run;
  run.check = { ...check, checked: check.checked + 1, recovered: check.recovered + (recovered ? 1 : 0) };
  return null;
}

function sayWithoutFields(run: Run): void {
  if (run.saidWithoutFields) return;
  run.saidWithoutFields = true;
  log.info("check.without_fields", { userId: run.context.store.connection?.userId });
}

function fold(context: TenantContext, reading: RestReading, isOpen: boolean): boolean {
  return applyReading(
    context,
    reading,
    {
      kind: "recovery",
      provenance: { webhookId: null, eventId: null, verification: "backfill" },
      analysisCause: (before, { change }) =>
        isOpen && (before.snapshot === null || change?.kind === "reopened") ? "recovered" : null,
      requestId: null,
    },
    Date.now(),
  );
}

/**
 * Postpones an incident that PagerDuty failed to return, or gives it up after `MAX_ATTEMPTS`.
 * @returns a problem if this check must stop
 */
function leave(run: Run, incidentId: string, problem: CallProblem): CallProblem | null {
  const attempts = (run.left.get(incidentId) ?? 0) + 1;
  run.failure = problem;
  run.failuresInARow += 1;
  if (attempts < MAX_ATTEMPTS) run.left.set(incidentId, attempts);
  else {
    run.left.delete(incidentId);
    const error = problem.problem === "unavailable" ? problem.reason : problem.problem;
    log.error("incident.not_read", {
      userId: run.context.store.connection?.userId,
      incidentId,
      error,
    });
  }
  const fails = run.failuresInARow >= MAX_FAILURES_IN_A_ROW || run.left.size >= MAX_LEFT;
  return fails ? problem : null;
}
