import { describe, log } from "../log.ts";

/**
 * The alarm's work: many small jobs, each with a key that only one at a time may hold. It runs while anything
 * is due, takes up what becomes due meanwhile, and says when it has to run again.
 */

export interface Job {
  /** Jobs of one key never overlap. */
  key: string;
  run(): Promise<void>;
}

export interface JobSource {
  /** What is due at `nowMs`, without the keys that are `busy`. */
  due(nowMs: number, busy: ReadonlySet<string>): Job[];
  /** When the next thing is due, of those that are due after `afterMs`; null when nothing is. */
  nextAtMs(afterMs: number): number | null;
}

/** An alarm may run for 15 minutes; what is under way then needs time to end. */
const MAX_RUN_MS = 10 * 60 * 1000;
/** A job that threw is a bug; it is not tried again before this, so that it does not spin. */
const HOLD_AFTER_CRASH_MS = 30_000;
/** More often than any incident has notifications. */
const MAX_STARTS_A_SECOND = 200;
const SPIN_HOLD_MS = 1_000;

export class JobRunner {
  readonly #jobs: JobSource;
  readonly #running = new Map<string, Promise<void>>();
  /** How often a key was started in the present second. */
  readonly #starts = new Map<string, { second: number; count: number }>();
  #wake: (() => void) | null = null;

  constructor(jobs: JobSource) {
    this.#jobs = jobs;
  }

  /** Whether `run` is under way; then `wake` is enough and no alarm has to be set. */
  get active(): boolean {
    return this.#wake !== null;
  }

  /** Something new is due: look again. */
  wake(): void {
    this.#wake?.();
  }

  /** Works until nothing is due. @returns when to run again; null for never */
  async run(): Promise<number | null> {
    const endAtMs = Date.now() + MAX_RUN_MS;
    while (Date.now() < endAtMs) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const nowMs = Date.now();
      for (const job of this.#jobs.due(nowMs, new Set(this.#running.keys()))) this.#start(job);
      if (this.#running.size === 0) break;
      const timer = new AbortController();
      await Promise.race([woken, this.#nextDue(nowMs, timer.signal), ...this.#running.values()]);
      timer.abort();
    }
    await Promise.all(this.#running.values());
    this.#starts.clear();
    this.#wake = null;
    return this.#jobs.nextAtMs(Number.NEGATIVE_INFINITY);
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

  /** A job that comes back again and again at once leaves its own work due: a bug, but one that must not spin. */
  async #slowDown(key: string): Promise<void> {
    const second = Math.floor(Date.now() / SPIN_HOLD_MS);
    const starts = this.#starts.get(key);
    const count = starts?.second === second ? starts.count + 1 : 1;
    this.#starts.set(key, { second, count });
    if (count < MAX_STARTS_A_SECOND) return;
    log.error("job.spins", { job: key });
    await scheduler.wait(SPIN_HOLD_MS);
  }

  /**
   * Until the next thing is due that was not due at `nowMs`; for ever when there is none. What is under way
   * stays due until it ends, and must not hide what comes after it.
   */
  async #nextDue(nowMs: number, signal: AbortSignal): Promise<void> {
    const nextAtMs = this.#jobs.nextAtMs(nowMs);
    if (nextAtMs === null) return new Promise(() => undefined);
    return scheduler.wait(Math.max(0, nextAtMs - Date.now()), { signal }).catch(() => undefined);
  }
}
