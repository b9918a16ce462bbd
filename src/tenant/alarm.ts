import { describe, log } from "../log.ts";
import type { JobRunner } from "./job-runner.ts";

/** The wait before the alarm runs again after an unexpected error. */
const CRASH_RETRY_MS = 10_000;

/** The delay of the alarm that takes over if the object stops while jobs run. */
const SAFETY_ALARM_MS = 30_000;

/** Runs the jobs of a tenant's object when they are due, and keeps its alarm set to the next of them. */
export class Alarm {
  readonly #ctx: DurableObjectState;
  readonly #jobRunner: JobRunner;
  readonly #tenantId: () => string | null;

  /** @param tenantId for the log */
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
      // The platform gives up an alarm after a few exceptions, but this alarm has to run again.
      log.error("alarm.crashed", { tenantId: this.#tenantId(), error: describe(error) });
      nextAtMs = Date.now() + CRASH_RETRY_MS;
    }
    await this.#set(nextAtMs);
  }

  /** Starts due jobs in the turn that made them due. An alarm takes over if the object stops while they run. */
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

  /** Makes sure that the alarm runs no later than the next job is due. */
  async arm(): Promise<void> {
    if (this.#jobRunner.active) return this.#jobRunner.wake();
    await this.#set(this.#jobRunner.nextAtMs);
  }

  /** Sets the alarm to the time, unless it is set to an earlier time in the future. @param atMs null: no job is due */
  async #set(atMs: number | null): Promise<void> {
    if (atMs === null) return;
    const { storage } = this.#ctx;
    const setAtMs = await storage.getAlarm();
    const nowMs = Date.now();
    // An alarm in the past was lost, unless jobs are running.
    if (setAtMs === null || atMs < setAtMs || setAtMs < nowMs) {
      await storage.setAlarm(Math.max(atMs, nowMs));
    }
  }
}
