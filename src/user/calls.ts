import type { Config } from "../config.ts";
import type { Connection } from "../credentials/connection.ts";
import {
  type ApiAnswer,
  type ApiProblem,
  type ApiTarget,
  bearerAuthorization,
  tokenAuthorization,
} from "../pagerduty/api.ts";
import { apiUrlOf } from "../pagerduty/region.ts";
import type { Account } from "./account.ts";

/**
 * Calls to PagerDuty with the user's own credential, one after another as PagerDuty asks, and none before a
 * rate limit is over.
 */

export type CallProblem = ApiProblem | { problem: "not_connected" };
export type CallAnswer<T> = { ok: true; value: T } | ({ ok: false } & CallProblem);

function authorizationOf(connection: Connection): string {
  return connection.authType === "oauth"
    ? bearerAuthorization(connection.accessToken)
    : tokenAuthorization(connection.token);
}

export class Calls {
  readonly #account: Account;
  readonly #config: Config;
  #last: Promise<unknown> = Promise.resolve();
  #pausedUntilMs = 0;

  constructor(account: Account, config: Config) {
    this.#account = account;
    this.#config = config;
  }

  /** Runs `call` with the credential in force, after all earlier calls. */
  async run<T>(call: (target: ApiTarget) => Promise<ApiAnswer<T>>): Promise<CallAnswer<T>> {
    const turn = this.#last.then(() => this.#runNow(call));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #runNow<T>(call: (target: ApiTarget) => Promise<ApiAnswer<T>>): Promise<CallAnswer<T>> {
    const { connection } = this.#account;
    if (!connection) return { ok: false, problem: "not_connected" };
    const waitMs = this.#pausedUntilMs - Date.now();
    if (waitMs > 0) {
      return { ok: false, problem: "rate_limited", retryAfterSeconds: Math.ceil(waitMs / 1000) };
    }
    const answer = await call({
      apiUrl: apiUrlOf(connection.region, this.#config.pagerdutyApiUrl),
      authorization: authorizationOf(connection),
    });
    if (!answer.ok && answer.problem === "rate_limited") {
      this.#pausedUntilMs = Date.now() + answer.retryAfterSeconds * 1000;
    }
    if (!answer.ok && answer.problem === "unauthorized") await this.#refused(connection);
    return answer;
  }

  /** PagerDuty refuses the credential: said in the status until a new one comes. */
  async #refused(used: Connection): Promise<void> {
    await this.#account.update((connection) =>
      connection.connectionId === used.connectionId && authorizationOf(connection) === authorizationOf(used)
        ? { ...connection, refusedAtMs: connection.refusedAtMs ?? Date.now() }
        : connection,
    );
  }
}
