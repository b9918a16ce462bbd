import type { Config } from "../config.ts";
import { type ApiAnswer, type ApiTarget, bearerAuthorization, tokenAuthorization } from "../pagerduty/api.ts";
import { apiUrlOf } from "../pagerduty/region.ts";
import type { Connection, OAuthConnection } from "./connection.ts";
import type { ConnectionStore } from "./store.ts";
import type { CallProblem, Tokens } from "./tokens.ts";

/**
 * Calls PagerDuty with the tenant's credential: one call after another, as PagerDuty recommends, and none before a rate
 * limit is over.
 */

export type CallAnswer<T> = { ok: true; value: T } | ({ ok: false } & CallProblem);

function authorizationOf(connection: Connection): string {
  return connection.authType === "oauth"
    ? bearerAuthorization(connection.accessToken)
    : tokenAuthorization(connection.token);
}

const isUnauthorized = (answer: ApiAnswer<unknown>) => !answer.ok && answer.problem === "unauthorized";

export class PagerDutyClient {
  readonly #store: ConnectionStore;
  readonly #config: Config;
  readonly #tokens: Tokens;
  #last: Promise<unknown> = Promise.resolve();
  /** A rate limit counts only for the connection whose call was limited. */
  #paused: { connectionId: string; untilMs: number } | null = null;

  constructor(store: ConnectionStore, config: Config, tokens: Tokens) {
    this.#store = store;
    this.#config = config;
    this.#tokens = tokens;
  }

  /**
   * Runs `call` with the current credential, after all earlier calls. When the connection changes during the call, its
   * answer is replaced by `not_connected`, so that it is not taken for the new account's.
   */
  async run<T>(call: (target: ApiTarget) => Promise<ApiAnswer<T>>): Promise<CallAnswer<T>> {
    const connectionId = this.#store.connection?.connectionId;
    const turn = this.#last.then(() => this.#runFor(connectionId, call));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #runFor<T>(
    connectionId: string | undefined,
    call: (target: ApiTarget) => Promise<ApiAnswer<T>>,
  ): Promise<CallAnswer<T>> {
    const isCurrent = () => this.#store.connection?.connectionId === connectionId;
    if (!isCurrent()) return { ok: false, problem: "not_connected" };
    const answer = await this.#runNow(call);
    return isCurrent() ? answer : { ok: false, problem: "not_connected" };
  }

  async #runNow<T>(call: (target: ApiTarget) => Promise<ApiAnswer<T>>): Promise<CallAnswer<T>> {
    const ready = await this.#tokens.ready();
    if (!ready.ok) return ready;
    const { connection } = ready;
    const paused = this.#paused?.connectionId === connection.connectionId ? this.#paused.untilMs : 0;
    const waitMs = paused - Date.now();
    if (waitMs > 0) {
      return { ok: false, problem: "rate_limited", retryAfterSeconds: Math.ceil(waitMs / 1000) };
    }
    const answer =
      connection.authType === "oauth"
        ? await this.#callWithOAuth(call, connection)
        : await call(this.#targetOf(connection));
    if (!answer.ok && answer.problem === "rate_limited") {
      const untilMs = Date.now() + answer.retryAfterSeconds * 1000;
      this.#paused = { connectionId: connection.connectionId, untilMs };
    }
    if (!answer.ok && answer.problem === "unauthorized" && connection.authType === "api_token") {
      await this.#refused(connection);
    }
    return answer;
  }

  #targetOf(connection: Connection): ApiTarget {
    return {
      apiUrl: apiUrlOf(connection.region, this.#config.pagerdutyApiUrl),
      authorization: authorizationOf(connection),
    };
  }

  /** A refused token that should still be valid is refreshed once; then the answer counts. */
  async #callWithOAuth<T>(
    call: (target: ApiTarget) => Promise<ApiAnswer<T>>,
    connection: OAuthConnection,
  ): Promise<ApiAnswer<T>> {
    let used = connection;
    let answer = await call(this.#targetOf(used));
    if (isUnauthorized(answer)) {
      const other = await this.#tokens.replaceRefused(used);
      if (!other) return answer;
      used = other;
      answer = await call(this.#targetOf(used));
    }
    await this.#tokens.noteAnswer(used, isUnauthorized(answer));
    return answer;
  }

  /** PagerDuty refuses the credential: the status shows it until there is a new one. */
  async #refused(used: Connection): Promise<void> {
    await this.#store.update((connection) =>
      connection.connectionId === used.connectionId && authorizationOf(connection) === authorizationOf(used)
        ? { ...connection, refusedAtMs: connection.refusedAtMs ?? Date.now() }
        : connection,
    );
  }
}
