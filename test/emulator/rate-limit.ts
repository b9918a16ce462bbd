const WINDOW_MS = 60_000;

interface Window {
  readonly startedAtMs: number;
  calls: number;
}

/**
 * Limits the calls of each token in one minute. The token's first call starts a minute. The first call after that
 * minute starts a new minute.
 */
export class RateLimit {
  readonly #windows = new Map<string, Window>();

  /** Counts a call, and returns PagerDuty's `ratelimit-*` headers. `ratelimit-reset` is in seconds. */
  take(token: string, limit: number, nowMs: number): { allowed: boolean; headers: Record<string, string> } {
    let window = this.#windows.get(token);
    if (window === undefined || nowMs - window.startedAtMs >= WINDOW_MS) {
      window = { startedAtMs: nowMs, calls: 0 };
      this.#windows.set(token, window);
    }
    window.calls += 1;
    return {
      allowed: window.calls <= limit,
      headers: {
        "ratelimit-limit": String(limit),
        "ratelimit-remaining": String(Math.max(0, limit - window.calls)),
        "ratelimit-reset": String(Math.ceil((window.startedAtMs + WINDOW_MS - nowMs) / 1000)),
      },
    };
  }

  clear(): void {
    this.#windows.clear();
  }
}
