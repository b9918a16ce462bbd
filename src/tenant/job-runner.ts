import { describe, log } from "../log.ts";

/**
 * Runs the object's background jobs. A run starts the jobs that are due, and jobs that become due during the run. It
 * ends before it reaches Cloudflare's limits for one invocation.
 */

export interface Job {
  /** Jobs with the same key never overlap. */
  key: string;
  /** The maximum number of subrequests that the job can make. */
  requests: number;
  run(): Promise<void>;
}

export interface JobSource {
  /** Lists due jobs whose key is not `busy`. Has no side effects, because not every listed job is started. */
  due(nowMs: number, busy: ReadonlySet<string>): Job[];
  /** Returns the due time of the first job that is due after `afterMs`; null if there is none. */
  nextAtMs(afterMs: number): number | null;
}

/** A run starts no jobs after this time, because its invocation has only 30 s of CPU time. */
const MAX_RUN_MS = 20_000;
/** Each job reads and writes storage, and logs a line of some 300 bytes; an invocation may log 256 KB. */
const MAX_JOBS = 40;
/** An invocation may make 50 subrequests on the free plan. Calls to KV and to other objects also count. */
const MAX_REQUESTS = 45;
/** A job that throws is a bug. Its key stays busy for this long, so that the job is not retried in a loop. */
const HOLD_AFTER_CRASH_MS = 30_000;
/**
 * If this many jobs with the same key end within one second, there is a bug, because no incident has so many
 * notifications.
 */
const MAX_ENDS_A_SECOND = 200;
const SPIN_HOLD_MS = 1_000;

export class JobRunner {
  readonly #jobs: JobSource;
  readonly #running = new Map<string, Promise<void>>();
  /** For each key: the last second in which a job ended, and how many jobs ended in that second. */
  readonly #ends = new Map<string, { second: number; count: number }>();
  #wake: (() => void) | null = null;
  #run: Promise<number | null> | null = null;

  constructor(jobs: JobSource) {
    this.#jobs = jobs;
  }

  /** While a run is in progress, `wake` is enough for new work: no alarm has to be set. */
  get active(): boolean {
    return this.#run !== null;
  }

  wake(): void {
    this.#wake?.();
  }

  get nextAtMs(): number | null {
    return this.#jobs.nextAtMs(Number.NEGATIVE_INFINITY);
  }

  nextAfter(afterMs: number): number | null {
    return this.#jobs.nextAtMs(afterMs);
  }

  /**
   * Starts jobs until none is due or running, or a limit is reached.
   * @returns when to run again; null if there is no job
   */
  run(): Promise<number | null> {
    this.#run ??= this.#runWithin(Date.now() + MAX_RUN_MS).finally(() => {
      this.#run = null;
    });
    return this.#run;
  }

  async #runWithin(endAtMs: number): Promise<number | null> {
    const left = { jobs: MAX_JOBS, requests: MAX_REQUESTS };
    while (Date.now() < endAtMs) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const nowMs = Date.now();
      let isFull = false;
      for (const job of this.#jobs.due(nowMs, new Set(this.#running.keys()))) {
        // The first job of a run starts regardless of the limits.
        isFull = left.jobs < MAX_JOBS && (left.jobs === 0 || job.requests > left.requests);
        if (isFull) break;
        left.jobs -= 1;
        left.requests -= job.requests;
        this.#start(job);
      }
      if (isFull || this.#running.size === 0) break;
      const timer = new AbortController();
      await Promise.race([woken, this.#nextDue(nowMs, timer.signal), ...this.#running.values()]);
      timer.abort();
    }
    this.#ends.clear();
    this.#wake = null;
    // Does not await running jobs, because a slow job would delay the next run. Running jobs stay due until they end.
    return this.nextAtMs;
  }

  #start(job: Job): void {
    const promise = job
      .run()
      .then(() => this.#slowDown(job.key))
      .catch(async (error: unknown) => {
        log.error("job.crashed", { job: job.key, error: describe(error) });
        await scheduler.wait(HOLD_AFTER_CRASH_MS);
      })
      .finally(() => this.#running.delete(job.key));
    this.#running.set(job.key, promise);
  }

  async #slowDown(key: string): Promise<void> {
    const second = Math.floor(Date.now() / SPIN_HOLD_MS);
    const ends = this.#ends.get(key);
    const count = ends?.second === second ? ends.count + 1 : 1;
    this.#ends.set(key, { second, count });
    if (count < MAX_ENDS_A_SECOND) return;
    log.error("job.spins", { job: key });
    await scheduler.wait(SPIN_HOLD_MS);
  }

  /**
   * Waits until another job becomes due after `nowMs`; forever if there is none. Ignores jobs that were due before,
   * because a running job stays due until it ends.
   */
  async #nextDue(nowMs: number, signal: AbortSignal): Promise<void> {
    const nextAtMs = this.#jobs.nextAtMs(nowMs);
    if (nextAtMs === null) return new Promise(() => undefined);
    return scheduler.wait(Math.max(0, nextAtMs - Date.now()), { signal }).catch(() => undefined);
  }
}
