/** Aurora's Celery: a queue, several workers, and tasks that wait for their time. */

export interface Task {
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  run(): Promise<void>;
  /** Called with the error of the last attempt. */
  lost(error: unknown): void;
}

interface Attempt {
  readonly task: Task;
  readonly retriesLeft: number;
}

/** `CELERY_CONCURRENCY` in Aurora's compose file. */
const WORKERS = 4;

export class Workers {
  readonly #queue: Attempt[] = [];
  /** A task without a timer (null) waits for `runWaiting`. */
  readonly #waiting = new Map<Attempt, NodeJS.Timeout | null>();
  readonly #settled: (() => void)[] = [];
  #running = 0;
  #isHeld = false;

  /** Celery's `delay`. */
  add(task: Task): void {
    this.#enqueue({ task, retriesLeft: task.maxRetries });
  }

  /** Celery's `apply_async(countdown=…)`. @param delayMs null makes the task wait for `runWaiting` */
  addLater(task: Task, delayMs: number | null): void {
    this.#wait({ task, retriesLeft: task.maxRetries }, delayMs);
  }

  runWaiting(): void {
    const attempts = [...this.#waiting.keys()];
    this.#stopWaiting();
    for (const attempt of attempts) this.#enqueue(attempt);
  }

  /** Stops the workers from taking tasks, so that a backlog builds up. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#take();
  }

  /** Resolves when no task is queued or running. Tasks that wait for their time do not count. */
  async settled(): Promise<void> {
    if (this.#isSettled()) return;
    await new Promise<void>((resolve) => this.#settled.push(resolve));
  }

  /** Drops queued and waiting tasks. Running tasks finish. */
  clear(): void {
    this.#queue.length = 0;
    this.#stopWaiting();
    this.release();
    this.#tellWhenSettled();
  }

  #enqueue(attempt: Attempt): void {
    this.#queue.push(attempt);
    this.#take();
  }

  #take(): void {
    while (!this.#isHeld && this.#running < WORKERS) {
      const attempt = this.#queue.shift();
      if (attempt === undefined) break;
      this.#running += 1;
      void this.#work(attempt);
    }
  }

  async #work(attempt: Attempt): Promise<void> {
    try {
      await attempt.task.run();
    } catch (error) {
      if (attempt.retriesLeft === 0) attempt.task.lost(error);
      else this.#wait({ ...attempt, retriesLeft: attempt.retriesLeft - 1 }, attempt.task.retryDelayMs);
    }
    this.#running -= 1;
    this.#take();
    this.#tellWhenSettled();
  }

  #wait(attempt: Attempt, delayMs: number | null): void {
    const comeDue = () => {
      this.#waiting.delete(attempt);
      this.#enqueue(attempt);
    };
    this.#waiting.set(attempt, delayMs === null ? null : setTimeout(comeDue, delayMs).unref());
  }

  #stopWaiting(): void {
    for (const timer of this.#waiting.values()) if (timer !== null) clearTimeout(timer);
    this.#waiting.clear();
  }

  #isSettled(): boolean {
    return this.#running === 0 && this.#queue.length === 0;
  }

  #tellWhenSettled(): void {
    if (this.#isSettled()) for (const resolve of this.#settled.splice(0)) resolve();
  }
}
