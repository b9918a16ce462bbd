import { requestAnalysis } from "../analysis/request.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import { type DeliveryContext, deliver } from "../delivery/attempt.ts";
import { dueDeliveries, type Lane, nextDeliveryAtMs } from "../delivery/outbox.ts";
import { runbookUrlOf } from "../incidents/analysis.ts";
import { dueHint, nextHintAtMs } from "../storage/hints.ts";
import { analysesDue, nextAnalysisAtMs } from "../storage/incidents.ts";
import { readBack } from "../webhooks/read-back.ts";
import type { Job, JobSource } from "./job-runner.ts";

/** Everything that a tenant's object does by itself, as sources of jobs. */

/** All sources as one: its jobs are all of theirs, its time is the earliest. */
export function allOf(sources: readonly JobSource[]): JobSource {
  return {
    due: (nowMs, busy) =>
      sources.flatMap((source) => source.due(nowMs, busy)).filter(({ key }) => !busy.has(key)),
    nextAtMs: (afterMs) => earliest(sources.map((source) => source.nextAtMs(afterMs))),
  };
}

function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** One job with one time. @param atMs when it is due; null: not at all */
export function timedJob(key: string, atMs: () => number | null, run: () => Promise<void>): JobSource {
  const nextAtMs = (afterMs: number) => {
    const time = atMs();
    return time !== null && time > afterMs ? time : null;
  };
  return {
    due: (nowMs) => {
      const time = atMs();
      return time !== null && time <= nowMs ? [{ key, run }] : [];
    },
    nextAtMs,
  };
}

/** The same source while the tenant is connected; nothing otherwise: without a connection there are no tables. */
export function whileConnected({ store }: TenantContext, source: JobSource): JobSource {
  return {
    due: (nowMs, busy) => (store.connection ? source.due(nowMs, busy) : []),
    nextAtMs: (afterMs) => (store.connection ? source.nextAtMs(afterMs) : null),
  };
}

export const hintJobs = (context: TenantContext): JobSource => ({
  due: (nowMs) => {
    const hint = dueHint(context.sql, nowMs);
    return hint ? [{ key: "hint", run: () => readBack(context, hint) }] : [];
  },
  nextAtMs: (afterMs) => nextHintAtMs(context.sql, afterMs),
});

/** Deliveries under way at once: the runtime allows six open connections, and PagerDuty and runbooks need theirs. */
const MAX_DELIVERIES = 3;
/** Of these, deliveries that failed before: they may hang again, and must not hold up new ones. */
const MAX_RETRIES = 1;
/** Of these, deliveries that wait for PagerDuty before Aurora is called. */
const MAX_MISSING_NUMBERS = 1;
const MAX_IN_LANE: Record<Lane, number> = {
  first: MAX_DELIVERIES,
  again: MAX_RETRIES,
  missingNumber: MAX_MISSING_NUMBERS,
};

export class DeliveryJobs implements JobSource {
  readonly #context: DeliveryContext;
  /** The deliveries under way, by job key. */
  readonly #underWay = new Map<string, Lane>();

  constructor(context: DeliveryContext) {
    this.#context = context;
  }

  /** New deliveries before failed ones, so that neither a hanging receiver nor PagerDuty holds up new ones. */
  due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs: Job[] = [];
    for (const lane of ["first", "again", "missingNumber"] as const) {
      if (!this.#hasPlace(lane)) continue;
      // Deliveries under way stay due until they end.
      for (const { seq, incidentId } of dueDeliveries(
        this.#context.sql,
        lane,
        nowMs,
        busy.size + MAX_DELIVERIES,
      )) {
        const key = `delivery:${incidentId ?? seq}`;
        if (busy.has(key) || !this.#hasPlace(lane)) continue;
        this.#underWay.set(key, lane);
        const run = () => deliver(this.#context, seq);
        jobs.push({ key, run: () => run().finally(() => this.#underWay.delete(key)) });
      }
    }
    return jobs;
  }

  #hasPlace(lane: Lane): boolean {
    if (this.#underWay.size >= MAX_DELIVERIES) return false;
    const inLane = [...this.#underWay.values()].filter((one) => one === lane).length;
    return inLane < MAX_IN_LANE[lane];
  }

  nextAtMs(afterMs: number): number | null {
    return nextDeliveryAtMs(this.#context.sql, afterMs);
  }
}

/** Analyses with a runbook to fetch, at once: a fetch may take 10 s. */
const MAX_RUNBOOKS = 1;
/** Due analyses read at once, to find those without a runbook behind those with one. */
const MAX_ANALYSES_READ = 50;

export class AnalysisJobs implements JobSource {
  readonly #context: TenantContext;
  #runbooks = 0;

  constructor(context: TenantContext) {
    this.#context = context;
  }

  /** The most severe first; an analysis without a runbook does not wait for the runbook of another. */
  due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs: Job[] = [];
    for (const incident of analysesDue(this.#context.sql, nowMs, MAX_ANALYSES_READ)) {
      const key = `analysis:${incident.incidentId}`;
      if (busy.has(key)) continue;
      const run = () => requestAnalysis(this.#context, incident.incidentId);
      if (runbookUrlOf(incident) === null) jobs.push({ key, run });
      else if (this.#runbooks < MAX_RUNBOOKS) {
        this.#runbooks += 1;
        jobs.push({
          key,
          run: () =>
            run().finally(() => {
              this.#runbooks -= 1;
            }),
        });
      }
    }
    return jobs;
  }

  nextAtMs(afterMs: number): number | null {
    return nextAnalysisAtMs(this.#context.sql, afterMs);
  }
}
