import { requestAnalysis } from "../analysis/request.ts";
import type { PendingLogins } from "../connection/pending-logins.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import type { Tokens } from "../connection/tokens.ts";
import { deliver } from "../delivery/attempt.ts";
import { Outage } from "../delivery/outage.ts";
import { dueDeliveries, type Lane, nextDeliveryAtMs } from "../delivery/outbox.ts";
import { runbookUrlOf } from "../incidents/analysis.ts";
import type { Reconciler } from "../reconcile/reconciler.ts";
import { dueHint, nextHintAtMs } from "../storage/hints.ts";
import { analysesDue, nextAnalysisAtMs } from "../storage/incidents.ts";
import { readBack } from "../webhooks/read-back.ts";
import type { Job, JobSource } from "./job-runner.ts";
import type { Upkeep } from "./upkeep.ts";

/** At once to Aurora; a runtime allows six open connections, and PagerDuty and runbooks need theirs. */
const MAX_DELIVERIES = 4;
/** Of these; what failed before may hang again, and must not hold up what is new. */
const MAX_RETRIES = 2;
/** Beside these; it waits for PagerDuty before Aurora is asked. */
const MAX_NUMBERLESS = 1;
/** With a runbook to be fetched, at once: it may take 10 s. */
const MAX_RUNBOOKS = 2;
/** Looked at for one that has no runbook to wait for. */
const MAX_ANALYSES_LOOKED_AT = 50;

/** What only so many jobs may do at once. */
type Kind = Lane | "runbook";

/** Everything that one user's object does by itself, and when. */
export class Jobs implements JobSource {
  readonly #parts: TenantContext;
  readonly #reconciler: Reconciler;
  readonly #upkeep: Upkeep;
  readonly #tokens: Tokens;
  readonly #logins: PendingLogins;
  readonly #outage = new Outage();
  /** The jobs that only so many may be under way of at once, by key. */
  readonly #underWay = new Map<string, Kind>();

  constructor(
    parts: TenantContext,
    reconciler: Reconciler,
    upkeep: Upkeep,
    tokens: Tokens,
    logins: PendingLogins,
  ) {
    this.#parts = parts;
    this.#reconciler = reconciler;
    this.#upkeep = upkeep;
    this.#tokens = tokens;
    this.#logins = logins;
  }

  due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs = this.#upkeep.due(nowMs);
    const { nextAtMs: loginAtMs } = this.#logins;
    if (loginAtMs !== null && loginAtMs <= nowMs) {
      jobs.push({ key: "logins", run: async () => this.#logins.forgetExpired(Date.now()) });
    }
    if (this.#parts.store.connection) jobs.push(...this.#dueForConnection(nowMs, busy));
    return jobs.filter(({ key }) => !busy.has(key));
  }

  #dueForConnection(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const parts = this.#parts;
    const jobs: Job[] = [];
    jobs.push(...this.#dueDeliveries(nowMs, busy), ...this.#dueAnalyses(nowMs, busy));
    const hint = dueHint(parts.sql, nowMs);
    if (hint) jobs.push({ key: "hint", run: () => readBack(parts, hint) });
    const refreshAtMs = this.#tokens.nextAtMs;
    if (refreshAtMs !== null && refreshAtMs <= nowMs) {
      jobs.push({ key: "tokens", run: () => this.#tokens.refreshIfDue() });
    }
    const checkAtMs = this.#reconciler.nextAtMs;
    if (checkAtMs !== null && checkAtMs <= nowMs) {
      jobs.push({ key: "guardian", run: async () => void (await this.#reconciler.check()) });
    }
    return jobs;
  }

  /** What is new before what failed, so that neither a hanging receiver nor PagerDuty holds it up. */
  #dueDeliveries(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs: Job[] = [];
    for (const lane of ["first", "again", "numberless"] as const) {
      if (!this.#hasPlace(lane)) continue;
      // Those under way are due until they end.
      for (const entry of dueDeliveries(this.#parts.sql, lane, nowMs, busy.size + MAX_DELIVERIES)) {
        const key = `delivery:${entry.incidentId ?? entry.seq}`;
        if (busy.has(key) || !this.#hasPlace(lane)) continue;
        jobs.push(this.#placed(key, lane, () => deliver({ ...this.#parts, outage: this.#outage }, entry)));
      }
    }
    return jobs;
  }

  /** The most severe first; one without a runbook waits for nobody's. */
  #dueAnalyses(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const { sql } = this.#parts;
    const jobs: Job[] = [];
    for (const incident of analysesDue(sql, nowMs, MAX_ANALYSES_LOOKED_AT)) {
      const key = `analysis:${incident.incidentId}`;
      if (busy.has(key)) continue;
      const run = () => requestAnalysis(this.#parts, incident.incidentId);
      if (runbookUrlOf(incident) === null) jobs.push({ key, run });
      else if (this.#hasPlace("runbook")) jobs.push(this.#placed(key, "runbook", run));
    }
    return jobs;
  }

  #hasPlace(kind: Kind): boolean {
    const count = (...kinds: Kind[]) =>
      [...this.#underWay.values()].filter((one) => kinds.includes(one)).length;
    switch (kind) {
      case "first":
        return count("first", "again") < MAX_DELIVERIES;
      case "again":
        return count("again") < MAX_RETRIES && count("first", "again") < MAX_DELIVERIES;
      case "numberless":
        return count("numberless") < MAX_NUMBERLESS;
      case "runbook":
        return count("runbook") < MAX_RUNBOOKS;
    }
  }

  /** Takes its place now, and gives it back when it is through. */
  #placed(key: string, kind: Kind, run: () => Promise<void>): Job {
    this.#underWay.set(key, kind);
    return { key, run: () => run().finally(() => this.#underWay.delete(key)) };
  }

  nextAtMs(afterMs: number): number | null {
    const { store, sql } = this.#parts;
    const times = [this.#upkeep.nextAtMs(), this.#logins.nextAtMs, this.#tokens.nextAtMs];
    if (store.connection) {
      times.push(nextDeliveryAtMs(sql, afterMs), nextAnalysisAtMs(sql, afterMs));
      times.push(nextHintAtMs(sql, afterMs), this.#reconciler.nextAtMs);
    }
    const known = times.filter((time): time is number => time !== null && time > afterMs);
    return known.length === 0 ? null : Math.min(...known);
  }
}
