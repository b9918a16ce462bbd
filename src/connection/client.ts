import type { Config } from "../config.ts";
import { type ApiAnswer, type ApiTarget, bearerAuthorization, tokenAuthorization } from "../pagerduty/api.ts";
import { apiUrlOf } from "../pagerduty/region.ts";
import type { Connection } from "./connection.ts";
import { type Gate, URGENCY } from "./gate.ts";
import type { ConnectionStore } from "./store.ts";
import type { CallProblem, Tokens } from "./tokens.ts";

/**
 * Calls PagerDuty with the tenant's credential. All calls go through one `Gate`; during a rate limit no call starts.
 */

export type CallAnswer<T> = { ok: true; value: T } | ({ ok: false } & CallProblem);

export interface CallOptions {
  /** See `URGENCY`. */
  urgency?: number;
  /** Ends the call with the cause `timed_out`, even while the call waits in the gate or for a token. */
  signal?: AbortSignal;
}

const LATE = {
  ok: false,
  problem: "unavailable",
  reason: "PagerDuty did not answer in time",
  cause: "timed_out",
} as const;
const NOT_CONNECTED = { ok: false, problem: "not_connected" } as const;

/** The Authorization header of the connection's credential. */
export function authorizationOf(connection: Connection): string {
  return connection.authType === "oauth"
    ? bearerAuthorization(connection.accessToken)
    : tokenAuthorization(connection.token);
}

const isUnauthorized = (answer: CallAnswer<unknown>) => !answer.ok && answer.problem === "unauthorized";

/** `used` is the connection whose credential made the call; null if no call was made. */
interface Attempt<T> {
  used: Connection | null;
  answer: CallAnswer<T>;
}

type Call<T> = (target: ApiTarget) => Promise<ApiAnswer<T>>;

export class PagerDutyClient {
  readonly #store: ConnectionStore;
  readonly #config: Config;
  readonly #tokens: Tokens;
  readonly #gate: Gate;
  /** A rate limit stops the calls of this connection until `untilMs`. */
  #paused: { connectionId: string; untilMs: number } | null = null;

  constructor(store: ConnectionStore, config: Config, tokens: Tokens, gate: Gate) {
    this.#store = store;
    this.#config = config;
    this.#tokens = tokens;
    this.#gate = gate;
  }

  /**
   * Runs `call` when its turn comes, with the credential stored at that time. If the connection changes during `run`,
   * returns `not_connected`, because the answer belongs to the earlier connection.
   */
  async run<T>(call: Call<T>, options: CallOptions = {}): Promise<CallAnswer<T>> {
    const { signal } = options;
    const answer = this.#run(call, options);
    return signal ? Promise.race([answer, lateAt(signal)]) : answer;
  }

  async #run<T>(call: Call<T>, options: CallOptions): Promise<CallAnswer<T>> {
    const connectionId = this.#store.connection?.connectionId;
    const isCurrent = this.#store.whileConnectedAsNow();
    // Waits for a token before the gate: this wait takes no place there, which the refresh itself may need.
    const ready = await this.#tokens.ready();
    if (!ready.ok) return ready;
    const first = await this.#attempt(connectionId, call, options);
    const { used, answer } = await this.#afterRefusal(first, connectionId, call, options);
    if (used && isCurrent()) await this.#note(used, answer);
    return isCurrent() ? answer : NOT_CONNECTED;
  }

  async #attempt<T>(
    connectionId: string | undefined,
    call: Call<T>,
    { urgency = URGENCY.usual, signal }: CallOptions,
  ): Promise<Attempt<T>> {
    const work = async (): Promise<Attempt<T>> => {
      const { connection } = this.#store;
      if (!connection || connection.connectionId !== connectionId) {
        return { used: null, answer: NOT_CONNECTED };
      }
      const waitMs = this.#pausedForMs(connection);
      if (waitMs > 0) {
        const retryAfterSeconds = Math.ceil(waitMs / 1000);
        return { used: null, answer: { ok: false, problem: "rate_limited", retryAfterSeconds } };
      }
      const answer = await call(this.#targetOf(connection, signal));
      if (!answer.ok && answer.problem === "rate_limited") {
        const untilMs = Date.now() + answer.retryAfterSeconds * 1000;
        this.#paused = { connectionId: connection.connectionId, untilMs };
      }
      return { used: connection, answer };
    };
    try {
      return await this.#gate.run(urgency, work, signal);
    } catch (error) {
      if (signal?.aborted) return { used: null, answer: LATE };
      throw error;
    }
  }

  #pausedForMs({ connectionId }: Connection): number {
    return this.#paused?.connectionId === connectionId ? this.#paused.untilMs - Date.now() : 0;
  }

  #targetOf(connection: Connection, signal: AbortSignal | undefined): ApiTarget {
    return {
      apiUrl: apiUrlOf(connection.region, this.#config.pagerdutyApiUrl),
      authorization: authorizationOf(connection),
      ...(signal ? { signal } : {}),
    };
  }

  /** If PagerDuty refused an OAuth token that has not expired, refreshes the token and calls once more. */
  async #afterRefusal<T>(
    first: Attempt<T>,
    connectionId: string | undefined,
    call: Call<T>,
    options: CallOptions,
  ): Promise<Attempt<T>> {
    if (first.used?.authType !== "oauth" || !isUnauthorized(first.answer)) return first;
    const other = await this.#tokens.replaceRefused(first.used);
    if (!other) return first;
    return this.#attempt(connectionId, call, options);
  }

  /** Stores whether PagerDuty accepts the credential. */
  async #note(used: Connection, answer: CallAnswer<unknown>): Promise<void> {
    // A call without an answer does not show whether the credential is accepted.
    if (!answer.ok && answer.problem === "unavailable") return;
    const refused = isUnauthorized(answer);
    if (used.authType === "oauth") return this.#tokens.noteAnswer(used, refused);
    if ((used.refusedAtMs !== null) === refused) return;
    await this.#store.update((connection) =>
      connection.connectionId === used.connectionId && authorizationOf(connection) === authorizationOf(used)
        ? { ...connection, refusedAtMs: refused ? (connection.refusedAtMs ?? Date.now()) : null }
        : connection,
    );
  }
}

function lateAt(signal: AbortSignal): Promise<typeof LATE> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(LATE);
    else signal.addEventListener("abort", () => resolve(LATE), { once: true });
  });
}
