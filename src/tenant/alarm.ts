import { describe, log } from "../log.ts";
import type { JobRunner } from "./job-runner.ts";

/** The wait before the alarm runs again after an unexpected error. */
const CRASH_RETRY_MS = 10_000;

/** When jobs start, a safety alarm is set, at most this far ahead. If the object stops, this alarm runs the jobs. */
const SAFETY_ALARM_MS = 30_000;

/** Runs the jobs of a tenant's object when they are due. Keeps the object's alarm set to the time of the next job. */
export class Alarm {
  readonly #ctx: DurableObjectState;
  readonly #jobRunner: JobRunner;
  readonly #tenantId: () => string | null;

  /** @param tenantId returns the tenant's id for the log */
  constructor(ctx: DurableObjectState, jobRunner: JobRunner, tenantId: () => string | null) {
    this.#ctx = ctx;
    this.#jobRunner = jobRunner;
    this.#tenantId = tenantId;
  }

  /** Runs the jobs that are due, and sets the next alarm. Never throws. */
  async run(): Promise<void> {
    let nextAtMs: number | null;
    try {
      nextAtMs = await this.#jobRunner.run();
    } catch (error) {
      // Logs the error and does not throw it, because Cloudflare gives up an alarm after a few exceptions.
      log.error("alarm.crashed", { tenantId: this.#tenantId(), error: describe(error) });
      nextAtMs = Date.now() + CRASH_RETRY_MS;
    }
    await this.#set(nextAtMs);
  }

  /** Starts due jobs at once. Sets an alarm that takes over if the object stops while the jobs run. */
  async startJobs(): Promise<void> {
    if (this.#jobRunner.active) return this.#jobRunner.wake();
    const { nextAtMs } = this.#jobRunner;
    if (nextAtMs === null || nextAtMs > Date.now()) return this.#set(nextAtMs);
    const { storage } = this.#ctx;
    const setAtMs = await storage.getAlarm();
    const nowMs = Date.now();
    const safetyAtMs = Math.min(nowMs + SAFETY_ALARM_MS, this.#jobRunner.nextAfter(nowMs) ?? Infinity);
    if (setAtMs === null || setAtMs < nowMs || setAtMs > safetyAtMs) await storage.setAlarm(safetyAtMs);
    this.#ctx.waitUntil(this.run());
  }

  /** Makes sure that an alarm runs when the next job is due, or earlier. */
  async arm(): Promise<void> {
    if (this.#jobRunner.active) return this.#jobRunner.wake();
    await this.#set(this.#jobRunner.nextAtMs);
  }

  /**
   * Sets the alarm to `atMs`. If it is already set to an earlier time in the future, it keeps that time.
   * @param atMs null if there is no job: the alarm then stays as it is
   */
  async #set(atMs: number | null): Promise<void> {
    if (atMs === null) return;
    const { storage } = this.#ctx;
    const setAtMs = await storage.getAlarm();
    const nowMs = Date.now();
    // An alarm time in the past means that the alarm was lost, or that its jobs are still running.
    if (setAtMs === null || atMs < setAtMs || setAtMs < nowMs) {
      await storage.setAlarm(Math.max(atMs, nowMs));
    }
  }
}
