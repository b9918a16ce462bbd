import { type AnalysisContext, requestAnalysis, requestCarriesContext } from "../analysis/request.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import { type DeliveryContext, deliver } from "../delivery/attempt.ts";
import {
  type DueDelivery,
  deliveriesAwaitingContext,
  dueDeliveries,
  endContextWait,
  type Lane,
  nextDeliveryAtMs,
} from "../delivery/outbox.ts";
import { runbookUrlOf } from "../incidents/analysis.ts";
import type { NoteOutbox } from "../notes/outbox.ts";
import { earliest } from "../retry-timing.ts";
import { analysesWithoutContext } from "../storage/contexts.ts";
import { dueHint, nextHintAtMs } from "../storage/hints.ts";
import { analysesDue, nextAnalysisAtMs } from "../storage/incidents.ts";
import { dueNotes, nextNoteAtMs } from "../storage/notes.ts";
import { setAside, tryTwice } from "../storage/set-aside.ts";
import { readBack } from "../webhooks/read-back.ts";
import type { Job, JobSource } from "./job-runner.ts";

/** All background work of a tenant's object, as sources of jobs. */

/** Combines several sources into one. */
export function allOf(sources: readonly JobSource[]): JobSource {
  return {
    due: (nowMs, busy) =>
      sources.flatMap((source) => source.due(nowMs, busy)).filter(({ key }) => !busy.has(key)),
    nextAtMs: (afterMs) => earliest(sources.map((source) => source.nextAtMs(afterMs))),
  };
}

/** Makes a source of one job. @param atMs returns when the job is due; null for never */
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

/** Makes a source that has no jobs while the tenant is not connected, because the tables may not exist. */
export function whileConnected({ store }: TenantContext, source: JobSource): JobSource {
  return {
    due: (nowMs, busy) => (store.connection ? source.due(nowMs, busy) : []),
    nextAtMs: (afterMs) => (store.connection ? source.nextAtMs(afterMs) : null),
  };
}

/** One call for the incident, one for its custom fields. */
const HINT_REQUESTS = 2;

export const hintJobs = (context: TenantContext): JobSource => ({
  due: (nowMs) => {
    const hint = dueHint(context.sql, nowMs);
    return hint ? [{ key: "hint", requests: HINT_REQUESTS, run: () => readBack(context, hint) }] : [];
  },
  nextAtMs: (afterMs) => nextHintAtMs(context.sql, afterMs),
});

/** The maximum number of deliveries at once. The runtime allows six open connections; PagerDuty and runbooks need some of them. */
const MAX_DELIVERIES = 3;
/**
 * The maximum number of slow deliveries at once, so that one place stays free for new deliveries. A delivery is slow
 * if its last attempt failed, or if PagerDuty may have to be asked for the incident's number first.
 */
const MAX_SLOW = MAX_DELIVERIES - 1;
const MAX_MISSING_NUMBERS = 1;
/** Deliveries of earlier lanes start first. `again` is last: its deliveries could fill all `MAX_SLOW` places. */
const LANES = ["first", "context", "missingNumber", "again"] as const satisfies readonly Lane[];
const isSlow = (lane: Lane): boolean => lane === "missingNumber" || lane === "again";

/** @param lanes the lanes of the deliveries that are in progress or about to start */
function isFull(lane: Lane, lanes: readonly Lane[]): boolean {
  const of = (counts: (one: Lane) => boolean) => lanes.filter(counts).length;
  return (
    lanes.length >= MAX_DELIVERIES ||
    (isSlow(lane) && of(isSlow) >= MAX_SLOW) ||
    (lane === "missingNumber" && of((one) => one === lane) >= MAX_MISSING_NUMBERS)
  );
}

/** A delivery sends up to two events. A missing incident number takes one more call, to PagerDuty. */
const DELIVERY_REQUESTS: Record<Lane, number> = { first: 2, context: 2, again: 2, missingNumber: 3 };

export class DeliveryJobs implements JobSource {
  readonly #context: DeliveryContext & AnalysisContext;
  readonly #underWay = new Map<string, Lane>();

  constructor(context: DeliveryContext & AnalysisContext) {
    this.#context = context;
  }

  due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs: Job[] = [];
    const lanes = [...this.#underWay.values()];
    for (const lane of LANES) {
      // Reads more deliveries than can start, because deliveries in progress stay due until they end.
      const limit = busy.size + MAX_DELIVERIES;
      for (const { seq, incidentId } of dueDeliveries(this.#context.sql, lane, nowMs, limit)) {
        const key = `delivery:${incidentId ?? seq}`;
        if (isFull(lane, lanes)) break;
        // Does not start a delivery while a job collects its incident's context. The job ends when the wait is over.
        if (busy.has(key) || busy.has(contextKey(incidentId))) continue;
        lanes.push(lane);
        const run = () => this.#deliver(key, lane, { seq, incidentId });
        jobs.push({ key, requests: DELIVERY_REQUESTS[lane], run });
      }
    }
    return jobs;
  }

  async #deliver(key: string, lane: Lane, { seq, incidentId }: DueDelivery): Promise<void> {
    this.#underWay.set(key, lane);
    try {
      if (lane === "context" && incidentId !== null) this.#context.contexts.leaveOut(incidentId);
      await deliver(this.#context, seq);
    } finally {
      this.#underWay.delete(key);
    }
  }

  nextAtMs(afterMs: number): number | null {
    return nextDeliveryAtMs(this.#context.sql, afterMs);
  }
}

/** How many analyses may fetch a runbook at the same time; a fetch may take 10 s. */
const MAX_RUNBOOKS = 1;
/** How many due analyses are read from the table: an analysis without a runbook may overtake many others. */
const MAX_ANALYSES_READ = 50;

/** One request for the runbook, and one for each of up to three redirects. */
const RUNBOOK_REQUESTS = 4;

export class AnalysisJobs implements JobSource {
  readonly #context: AnalysisContext;
  /** How long a due analysis waits for its incident's context. */
  readonly #contextWaitMs: number;
  #runbooks = 0;

  constructor(context: AnalysisContext) {
    this.#context = context;
    this.#contextWaitMs = requestCarriesContext(context) ? context.config.contextWaitMs : 0;
  }

  /** Lists the analyses of the most severe incidents first. */
  due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs: Job[] = [];
    let runbooks = this.#runbooks;
    for (const incident of analysesDue(this.#context.sql, nowMs, MAX_ANALYSES_READ, this.#contextWaitMs)) {
      const key = `analysis:${incident.incidentId}`;
      if (busy.has(key) || busy.has(contextKey(incident.incidentId))) continue;
      const run = () => this.#request(incident.incidentId);
      if (runbookUrlOf(incident) === null) jobs.push({ key, requests: 0, run });
      else if (runbooks < MAX_RUNBOOKS) {
        runbooks += 1;
        jobs.push({ key, requests: RUNBOOK_REQUESTS, run: () => this.#withRunbook(run) });
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

  /** If the request fails twice, sets the incident aside, so that it does not delay other incidents. */
  async #request(incidentId: string): Promise<void> {
    const { sql, store } = this.#context;
    const isCurrent = store.whileConnectedAsNow();
    try {
      await tryTwice(() => requestAnalysis(this.#context, incidentId));
    } catch (error) {
      if (isCurrent()) setAside(sql, incidentId, error, Date.now());
    }
  }

  nextAtMs(afterMs: number): number | null {
    return nextAnalysisAtMs(this.#context.sql, afterMs, this.#contextWaitMs);
  }
}

/** How many notes may be written at the same time: `Gate` allows only two calls to PagerDuty at a time. */
const MAX_NOTES = 2;
/** One call writes the note. If an earlier attempt may have written it, another call first reads PagerDuty's notes. */
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

/** One call each for alerts, changes, past incidents, related incidents and notes. */
const CONTEXT_REQUESTS = 5;
/** If more incidents than this wait for a context, only their alerts are read, so that the alerts arrive in time. */
const MAX_WHOLE_CONTEXTS = 8;
/** How many contexts may be listed at once. Each needs a call, and `CallBudget` allows 320 calls a minute. */
const MAX_CONTEXTS = 320;

interface Awaited {
  incidentId: string;
  /** The time at which the delivery or the analysis stops waiting for the context. */
  untilMs: number;
  /** The number of the waiting delivery's journal entry; null if the analysis waits for the context. */
  seq: number | null;
}

const contextKey = (incidentId: string | null): string => `context:${incidentId}`;

/**
 * Collects each incident's context (alerts, changes, notes and more) as soon as the incident is known. The incident's
 * delivery or analysis waits for the context. The most severe incidents come first.
 */
export function contextJobs(context: AnalysisContext): JobSource {
  const { sql, store, config, contexts } = context;
  const waitMs = config.contextWaitMs;
  const awaited = (nowMs: number, limit: number): Awaited[] => {
    if (waitMs === 0) return [];
    if (!requestCarriesContext(context)) return deliveriesAwaitingContext(sql, nowMs, limit);
    return analysesWithoutContext(sql, nowMs - waitMs, limit).map(({ incidentId, dueAtMs }) => ({
      incidentId,
      untilMs: dueAtMs + waitMs,
      seq: null,
    }));
  };
  const jobOf = ({ incidentId, untilMs, seq }: Awaited, alertsAlone: boolean): Job => ({
    key: contextKey(incidentId),
    requests: alertsAlone ? 1 : CONTEXT_REQUESTS,
    run: async () => {
      const isCurrent = store.whileConnectedAsNow();
      await contexts.collect(incidentId, { untilMs, alertsAlone });
      if (seq !== null && isCurrent()) endContextWait(sql, seq, waitMs, Date.now());
    },
  });
  return {
    due: (nowMs) => {
      const incidents = awaited(nowMs, MAX_CONTEXTS);
      return incidents.map((incident) => jobOf(incident, incidents.length > MAX_WHOLE_CONTEXTS));
    },
    // Every missing context is due already, so its due time counts as 0.
    nextAtMs: (afterMs) => (afterMs < 0 && awaited(Date.now(), 1).length > 0 ? 0 : null),
  };
}
