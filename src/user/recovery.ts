import * as z from "zod/mini";
import { liveIncidents, loadIncident } from "../incidents/store.ts";
import { log } from "../log.ts";
import {
  getFieldValues,
  getIncident,
  type IncidentQuery,
  listIncidents,
  MAX_OFFSET,
  PAGE_SIZE,
  type RestIncident,
} from "../pagerduty/incidents.ts";
import type { Account } from "./account.ts";
import type { CallProblem, Calls } from "./calls.ts";
import type { Folding } from "./folding.ts";
import { applyReading, isNews } from "./rest-folding.ts";

/**
 * Recovery: what webhooks did not bring is read over REST. It looks at the incidents created since the last
 * good check, a day at least, and at every open one that we hold; what we do not know yet is folded and told,
 * what we know already is not. Where a rate limit or a fault stops it, it goes on from there.
 */

const DAY_MS = 24 * 3600 * 1000;
/** A webhook can be on its way for a while, and clocks differ. */
const OVERLAP_MS = 5 * 60 * 1000;
/** PagerDuty refuses ranges of more than six months. */
const MAX_RANGE_MS = 179 * DAY_MS;

const Progress = z.object({
  /** Everything created before was looked at by a check that came to its end. */
  checkedUntilMs: z.nullable(z.number()),
  /** Where an unfinished check stands. */
  unfinished: z.nullable(
    z.object({
      sinceMs: z.number(),
      offset: z.number(),
      untilMs: z.number(),
      /** The first check after connecting: only what is open, and nothing newer than the connection. */
      openOnly: z.boolean(),
      checked: z.number(),
      recovered: z.number(),
    }),
  ),
});
type Progress = z.infer<typeof Progress>;
type Check = NonNullable<Progress["unfinished"]>;
const KEY = "recovery";

export interface Recovering extends Folding {
  storage: DurableObjectStorage;
  account: Account;
  calls: Calls;
}

export type RecoveryResult = { checked: number; recovered: number; problem: CallProblem | null };

/** Looks for missed incidents until all are found, or until something stops it. */
export async function recover(recovering: Recovering, nowMs: number): Promise<RecoveryResult> {
  const { storage, account } = recovering;
  const connectionId = account.connection?.connectionId;
  const stored = Progress.safeParse(storage.kv.get(KEY));
  const progress: Progress = stored.data ?? { checkedUntilMs: null, unfinished: null };
  let check = progress.unfinished ? { ...progress.unfinished, untilMs: nowMs } : newCheck(progress, nowMs);
  const seen = new Set<string>();
  for (;;) {
    const page = await nextPage(recovering, connectionId, check, seen);
    if (account.connection?.connectionId !== connectionId)
      return { ...sums(check), problem: { problem: "not_connected" } };
    check = page.check;
    if (page.problem) {
      storage.kv.put(KEY, { ...progress, unfinished: check });
      return { ...sums(check), problem: page.problem };
    }
    if (page.done) break;
  }
  const open = await checkOpen(recovering, connectionId, check, seen);
  if (account.connection?.connectionId !== connectionId)
    return { ...sums(check), problem: { problem: "not_connected" } };
  check = open.check;
  const finished: Progress = open.problem
    ? { ...progress, unfinished: check }
    : { checkedUntilMs: check.untilMs, unfinished: null };
  storage.kv.put(KEY, finished);
  if (check.recovered > 0) {
    log.warn("incidents.recovered", { userId: account.connection?.userId, ...sums(check) });
  }
  return { ...sums(check), problem: open.problem };
}

const sums = ({ checked, recovered }: Check) => ({ checked, recovered });

function newCheck({ checkedUntilMs }: Progress, nowMs: number): Check {
  const sinceMs = Math.min((checkedUntilMs ?? nowMs) - OVERLAP_MS, nowMs - DAY_MS);
  return {
    sinceMs: Math.max(sinceMs, nowMs - MAX_RANGE_MS),
    offset: 0,
    untilMs: nowMs,
    openOnly: checkedUntilMs === null,
    checked: 0,
    recovered: 0,
  };
}

/** One page of the list, folded. `seen` spares the incidents that a window's edge shows twice. */
async function nextPage(
  recovering: Recovering,
  connectionId: string | undefined,
  check: Check,
  seen: Set<string>,
): Promise<{ check: Check; done: boolean; problem: CallProblem | null }> {
  const query: IncidentQuery = {
    sinceMs: check.sinceMs,
    // PagerDuty's clock may be ahead of ours.
    untilMs: check.untilMs + OVERLAP_MS,
    offset: check.offset,
    statuses: check.openOnly ? ["triggered", "acknowledged"] : null,
  };
  const askedAtMs = Date.now();
  const answer = await recovering.calls.run((target) => listIncidents(target, query));
  if (!answer.ok) return { check, done: false, problem: answer };
  let next = check;
  for (const incident of answer.value.incidents) {
    if (seen.has(incident.id)) continue;
    seen.add(incident.id);
    const recovered = await foldOne(recovering, connectionId, incident, askedAtMs);
    next = { ...next, checked: next.checked + 1, recovered: next.recovered + (recovered ? 1 : 0) };
  }
  if (!answer.value.more || answer.value.count === 0) return { check: next, done: true, problem: null };
  const offset = check.offset + PAGE_SIZE;
  if (offset + PAGE_SIZE <= MAX_OFFSET) return { check: { ...next, offset }, done: false, problem: null };
  // The list goes no further: a new window begins where this one ends.
  const lastAtMs = Date.parse(answer.value.incidents.at(-1)?.created_at ?? "");
  const sinceMs = Number.isNaN(lastAtMs) || lastAtMs <= check.sinceMs ? check.sinceMs + 1000 : lastAtMs;
  return { check: { ...next, sinceMs, offset: 0 }, done: false, problem: null };
}

/** The open incidents that we hold and that the list did not show: older ones, still going on or so we think. */
async function checkOpen(
  recovering: Recovering,
  connectionId: string | undefined,
  check: Check,
  seen: Set<string>,
): Promise<{ check: Check; problem: CallProblem | null }> {
  let next = check;
  for (const { incidentId } of liveIncidents(recovering.sql)) {
    if (seen.has(incidentId)) continue;
    const askedAtMs = Date.now();
    const answer = await recovering.calls.run((target) => getIncident(target, incidentId));
    // One that is gone, or that the credential may not see, tells nothing new.
    if (!answer.ok && (answer.problem === "not_found" || answer.problem === "bad_request")) continue;
    if (!answer.ok) return { check: next, problem: answer };
    const recovered = await foldOne(recovering, connectionId, answer.value, askedAtMs);
    next = { ...next, checked: next.checked + 1, recovered: next.recovered + (recovered ? 1 : 0) };
  }
  return { check: next, problem: null };
}

/**
 * Folds one incident; its fields are asked for only when it is news. One that was read over another connection
 * belongs to another account, and is left. @returns whether it was news
 */
async function foldOne(
  recovering: Recovering,
  connectionId: string | undefined,
  incident: RestIncident,
  askedAtMs: number,
): Promise<boolean> {
  const { sql, storage, account } = recovering;
  if (account.connection?.connectionId !== connectionId) return false;
  if (!isNews(loadIncident(sql, incident.id), incident, askedAtMs)) return false;
  const fields = await recovering.calls.run((target) => getFieldValues(target, incident.id));
  if (account.connection?.connectionId !== connectionId) return false;
  return storage.transactionSync(() =>
    applyReading(
      recovering,
      { incident, fields: fields.ok ? fields.value : null, askedAtMs },
      {
        kind: "recovery",
        provenance: { webhookId: null, eventId: null, verification: "backfill" },
        owesAnalysis: (before) =>
          before.snapshot === null && incident.status !== "resolved" ? "recovered" : null,
        requestId: null,
      },
      Date.now(),
    ),
  );
}
