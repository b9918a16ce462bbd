/** Writes a time as ISO 8601 with whole seconds, as PagerDuty does in its REST API and in a webhook's incident. */
export function isoSeconds(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** An account's clock. Never returns the same millisecond twice, so the account's events have an order. */
export class Clock {
  offsetMs = 0;
  #lastMs = 0;

  nowMs(): number {
    this.#lastMs = Math.max(Date.now() + this.offsetMs, this.#lastMs + 1);
    return this.#lastMs;
  }
}
