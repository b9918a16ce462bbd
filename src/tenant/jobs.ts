import { type AnalysisContext, requestAnalysis, requestCarriesContext } from "../analysis/request.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import { type DeliveryContext, deliver } from "../delivery/attempt.ts";
import {
  deliveriesAwaitingContext,
  dueDeliveries,
  endContextWait,
  type Lane,
  nextDeliveryAtMs,
} from "../delivery/outbox.ts";
import { runbookUrlOf } from "../incidents/analysis.ts";
import type { NoteOutbox } from "../notes/outbox.ts";
import { analysesWithoutContext } from "../storage/contexts.ts";
import { dueHint, nextHintAtMs } from "../storage/hints.ts";
import { analysesDue, nextAnalysisAtMs } from "../storage/incidents.ts";
import { dueNotes, nextNoteAtMs } from "../storage/notes.ts";
import { setAside } from "../storage/set-aside.ts";
import { readBack } from "../webhooks/read-back.ts";
import type { Job, JobSource } from "./job-runner.ts";

/** All background work of a tenant's object, as sources of jobs. */

/** Combines sources into one with all their jobs and the earliest of their times. */
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

/** A source of one job. @param requests see `Job` @param atMs when the job is due; null: never */
export function timedJob(
  key: string,
  requests: number,
  atMs: () => number | null,
  run: () => Promise<void>,
): JobSource {
  const nextAtMs = (afterMs: number) => {
    const time = atMs();
    return time !== null && time > afterMs ? time : null;
  };
  return {
    due: (nowMs) => {
      const time = atMs();
      return time !== null && time <= nowMs ? [{ key, requests, run }] : [];
    },
    nextAtMs,
  };
}

/** Has no jobs while the tenant is not connected, because then there are no tables. */
export function whileConnected({ store }: TenantContext, source: JobSource): JobSource {
  return {
    due: (nowMs, busy) => (store.connection ? source.due(nowMs, busy) : []),
    nextAtMs: (afterMs) => (store.connection ? source.nextAtMs(afterMs) : null),
  };
}

/** The incident, and its custom fields. */
const HINT_REQUESTS = 2;

export const hintJobs = (context: TenantContext): JobSource => ({
  due: (nowMs) => {
    const hint = dueHint(context.sql, nowMs);
    return hint ? [{ key: "hint", requests: HINT_REQUESTS, run: () => readBack(context, hint) }] : [];
  },
  nextAtMs: (afterMs) => nextHintAtMs(context.sql, afterMs),
});

/** Concurrent deliveries: the runtime allows six open connections, some of which PagerDuty and runbooks need. */
const MAX_DELIVERIES = 3;
/** Of these, deliveries that failed before: they may hang again, and must not hold up new ones. */
const MAX_RETRIES = 2;
/** Of these, deliveries that wait for PagerDuty before Aurora is called. */
const MAX_MISSING_NUMBERS = 1;
const MAX_IN_LANE: Record<Lane, number> = {
  first: MAX_DELIVERIES,
  again: MAX_RETRIES,
  missingNumber: MAX_MISSING_NUMBERS,
  context: MAX_DELIVERIES,
};

/** A new incident is up to two events; a missing number is read from PagerDuty first. */
const DELIVERY_REQUESTS: Record<Lane, number> = { first: 2, context: 2, again: 2, missingNumber: 3 };

export class DeliveryJobs implements JobSource {
  readonly #context: DeliveryContext;
  /** The deliveries in progress, by job key. */
  readonly #underWay = new Map<string, Lane>();

  constructor(context: DeliveryContext) {
    this.#context = context;
  }

  /** New deliveries before failed ones, so that neither a hanging receiver nor PagerDuty holds up new ones. */
  due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs: Job[] = [];
    const lanes = [...this.#underWay.values()];
    for (const lane of ["first", "context", "again", "missingNumber"] as const) {
      // Deliveries in progress stay due until they end.
      const limit = busy.size + MAX_DELIVERIES;
      for (const { seq, incidentId } of dueDeliveries(this.#context.sql, lane, nowMs, limit)) {
        const key = `delivery:${incidentId ?? seq}`;
        const isFull = lanes.length >= MAX_DELIVERIES;
        if (isFull || lanes.filter((one) => one === lane).length >= MAX_IN_LANE[lane]) break;
        if (busy.has(key)) continue;
        lanes.push(lane);
        jobs.push({
          key,
          requests: DELIVERY_REQUESTS[lane],
          run: () => {
            this.#underWay.set(key, lane);
            return deliver(this.#context, seq).finally(() => this.#underWay.delete(key));
          },
        });
      }
    }
    return jobs;
  }

  nextAtMs(afterMs: number): number | null {
    return nextDeliveryAtMs(this.#context.sql, afterMs);
  }
}

/** Concurrent analyses with a runbook to fetch, which may take 10 s. */
const MAX_RUNBOOKS = 1;
/** Due analyses read together, so that one without a runbook is found behind those with one. */
const MAX_ANALYSES_READ = 50;

/** The runbook's request and its redirects. */
const RUNBOOK_REQUESTS = 4;

export class AnalysisJobs implements JobSource {
  readonly #context: AnalysisContext;
  #runbooks = 0;

  constructor(context: AnalysisContext) {
    this.#context = context;
  }

  /** The most severe first; an analysis without a runbook does not wait for the runbook of another. */
  due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs: Job[] = [];
    let runbooks = this.#runbooks;
    for (const incident of analysesDue(this.#context.sql, nowMs, MAX_ANALYSES_READ)) {
      const key = `analysis:${incident.incidentId}`;
      if (busy.has(key)) continue;
      const run = () => this.#request(incident.incidentId);
      const contextRequests = requestCarriesContext(this.#context) ? CONTEXT_REQUESTS : 0;
      if (runbookUrlOf(incident) === null) jobs.push({ key, requests: contextRequests, run });
      else if (runbooks < MAX_RUNBOOKS) {
        runbooks += 1;
        const requests = RUNBOOK_REQUESTS + contextRequests;
        jobs.push({ key, requests, run: () => this.#withRunbook(run) });
      }
    }
    return jobs;
  }

  async #withRunbook(run: () => Promise<void>): Promise<void> {
    this.#runbooks += 1;
    try {
      await run();
    } finally {
      this.#runbooks -= 1;
    }
  }

  /** An analysis that cannot be requested is set aside, so that it holds up no other. */
  async #request(incidentId: string): Promise<void> {
    const { sql, store } = this.#context;
    const connectionId = store.connection?.connectionId;
    try {
      await requestAnalysis(this.#context, incidentId);
    } catch (error) {
      if (store.connection?.connectionId === connectionId) setAside(sql, incidentId, error, Date.now());
    }
  }

  nextAtMs(afterMs: number): number | null {
    return nextAnalysisAtMs(this.#context.sql, afterMs);
  }
}

/** Notes written at once: the gate lets no more calls through. */
const MAX_NOTES = 2;
/** PagerDuty's notes are read before one in doubt is written again. */
const NOTE_REQUESTS = 2;

export const noteJobs = ({ sql }: TenantContext, notes: NoteOutbox): JobSource => ({
  due: (nowMs) =>
    dueNotes(sql, nowMs, MAX_NOTES).map((noteId) => ({
      key: `note:${noteId}`,
      requests: NOTE_REQUESTS,
      run: () => notes.write(noteId),
    })),
  nextAtMs: (afterMs) => nextNoteAtMs(sql, afterMs),
});

/** Alerts, changes, past and related incidents, notes. */
const CONTEXT_REQUESTS = 5;
/** Contexts collected at once. More cannot get a call from a minute's budget. */
const MAX_CONTEXTS = 320;

/**
 * Collects the contexts of incidents as soon as they are known: for a delivery that waits for it, or while the analysis
 * waits for a runbook.
 */
export function contextJobs(context: AnalysisContext): JobSource {
  const { sql, config, contexts } = context;
  const isAsked = config.contextWaitMs > 0;
  const job = (incidentId: string, collected: () => void): Job => ({
    key: `context:${incidentId}`,
    requests: CONTEXT_REQUESTS,
    run: () => contexts.collect(incidentId).then(collected),
  });
  const due = (nowMs: number, limit: number): Job[] => {
    if (!isAsked) return [];
    if (requestCarriesContext(context)) {
      return analysesWithoutContext(sql, limit).map((incidentId) => job(incidentId, () => undefined));
    }
    return deliveriesAwaitingContext(sql, nowMs, limit).flatMap(({ seq, incidentId }) =>
      incidentId === null
        ? []
        : [job(incidentId, () => endContextWait(sql, seq, config.contextWaitMs, Date.now()))],
    );
  };
  return {
    due: (nowMs) => due(nowMs, MAX_CONTEXTS),
    // Due from the moment that they exist.
    nextAtMs: (afterMs) => (afterMs < 0 && due(Date.now(), 1).length > 0 ? 0 : null),
  };
}
