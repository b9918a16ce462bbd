import type { Directory } from "../directory.ts";
import type { Tables } from "../tables.ts";
import type { Workers } from "../workers.ts";

/** The state and settings that every task of Aurora's uses. */
export interface TaskContext {
  readonly directory: Directory;
  readonly tables: Tables;
  readonly workers: Workers;
  readonly analyses: AnalysisLimit;
  readonly settings: TaskSettings;
}

/** How Aurora is set up and how fast it is. */
export interface TaskSettings {
  /** PagerDuty's US API, the only one that Aurora knows; null: not reachable. */
  readonly pagerdutyUrl: string | null;
  /** Whether the graph database answers; without it no alert joins an incident. */
  readonly memgraph: boolean;
  /** What Aurora has connected, as the prompt lists it. */
  readonly providers: readonly string[];
  /** From the triggered event to its analysis; null: when a test asks for it. */
  readonly analysisDelayMs: number | null;
  /** How long a triggered event's task looks for an incident to join. */
  readonly correlationLatencyMs: number;
  /** How long a summary or an analysis keeps a worker. */
  readonly modelLatencyMs: number;
  readonly nowMs: () => number;
}

const LIMIT_WINDOW_MS = 300_000;
const LIMIT = 5;

/** Aurora's `is_background_chat_allowed`, in server/chat/background/task.py: 5 analyses in 5 minutes for a user. */
export class AnalysisLimit {
  readonly #windows = new Map<string, { endsAtMs: number; count: number }>();

  /** Counts every question, refused ones included. */
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
