/**
 * Limits a tenant's calls to PagerDuty to two at a time, because of PagerDuty's rate limit. The most urgent call
 * starts first; equally urgent calls keep their order.
 */

const MAX_IN_FLIGHT = 2;

/** Smaller is more urgent. The values are ten apart, so that a caller can add an incident's severity rank. */
export const URGENCY = {
  /** For token refreshes: without a token no other call works. */
  tokens: 0,
  /** For an incident's context, which an analysis waits for. The alerts are read before the rest of the context. */
  alerts: 10,
  otherContext: 20,
  /** For checks of the subscription, for notes, and for requests from a person. */
  usual: 30,
} as const;

interface Waiting {
  urgency: number;
  start(): void;
}

export class Gate {
  #inFlight = 0;
  /** The most urgent call is first. */
  readonly #waiting: Waiting[] = [];

  /**
   * Runs `work` when its turn comes.
   * @param signal ends the wait, but not work that has started
   * @throws the signal's reason if the signal aborted before the turn came
   */
  async run<T>(urgency: number, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#turn(urgency, signal);
    try {
      return await work();
    } finally {
      this.#inFlight -= 1;
      this.#startNext();
    }
  }

  async #turn(urgency: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#inFlight < MAX_IN_FLIGHT) {
      this.#inFlight += 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { urgency, start: resolve };
    const index = this.#waiting.findIndex((other) => other.urgency > urgency);
    this.#waiting.splice(index < 0 ? this.#waiting.length : index, 0, waiting);
    const leave = () => {
      const place = this.#waiting.indexOf(waiting);
      // The call has already started.
      if (place < 0) return;
      this.#waiting.splice(place, 1);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
    await promise.finally(() => signal?.removeEventListener("abort", leave));
  }

  #startNext(): void {
    const next = this.#waiting.shift();
    if (!next) return;
    this.#inFlight += 1;
    next.start();
  }
}
