import type { Directory } from "../directory.ts";
import type { Tables } from "../tables.ts";
import type { Workers } from "../workers.ts";

/** The state and the settings that all of Aurora's tasks use. */
export interface TaskContext {
  readonly directory: Directory;
  readonly tables: Tables;
  readonly workers: Workers;
  readonly analyses: AnalysisLimit;
  readonly settings: TaskSettings;
}

export interface TaskSettings {
  /** PagerDuty's US API, the only API that Aurora calls; null if it cannot be reached. */
  readonly pagerdutyUrl: string | null;
  /** True if the graph database answers. If false, no alert joins an incident. */
  readonly memgraph: boolean;
  readonly providers: readonly string[];
  /** If null, an analysis starts only when a test calls `runWaiting`. */
  readonly analysisDelayMs: number | null;
  readonly correlationLatencyMs: number;
  readonly modelLatencyMs: number;
  readonly nowMs: () => number;
}

const LIMIT_WINDOW_MS = 300_000;
const LIMIT = 5;

/** Does what Aurora's `is_background_chat_allowed` does (server/chat/background/task.py). */
export class AnalysisLimit {
  readonly #windows = new Map<string, { endsAtMs: number; count: number }>();

  /** A refused call counts, too. */
  allows(userId: string, nowMs: number): boolean {
    const known = this.#windows.get(userId);
    const window =
      known !== undefined && nowMs < known.endsAtMs ? known : { endsAtMs: nowMs + LIMIT_WINDOW_MS, count: 0 };
    window.count += 1;
    this.#windows.set(userId, window);
    return window.count <= LIMIT;
  }

  clear(): void {
    this.#windows.clear();
  }
}
