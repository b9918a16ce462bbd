import * as z from "zod/mini";
import { type Config, oauthAppOf } from "../config.ts";
import { log } from "../log.ts";
import type { ApiProblem } from "../pagerduty/api.ts";
import { refreshTokens, type TokenProblem, type TokenSet } from "../pagerduty/oauth.ts";
import { readStored } from "../storage/stored-value.ts";
import type { Connection, OAuthConnection } from "./connection.ts";
import { type Gate, URGENCY } from "./gate.ts";
import type { ConnectionStore } from "./store.ts";
import { keepAliveAtMs, refreshDueAtMs, retryDelayMs, type TokenLife } from "./token-timing.ts";

/**
 * Refreshes an OAuth connection's access token, one refresh at a time. A refresh token works once, so two
 * simultaneous refreshes would end the connection. Only PagerDuty's `invalid_grant` ends the connection; any
 * other failure is retried.
 */

const KEY = "refresh";
/** A refresh that was started and has not succeeded yet. `obtainedAtMs` identifies the old token. */
const Attempt = z.object({
  obtainedAtMs: z.number(),
  /** How many attempts in a row failed. */
  failures: z.number(),
  nextTryAtMs: z.number(),
  /** Why the last attempt failed, as a text for a person; null before the first failure. */
  reason: z.nullable(z.string()),
});
type Attempt = z.infer<typeof Attempt>;

/** How long `GET /pagerduty` waits for a refresh that is due. */
const STATUS_WAIT_MS = 3_000;
/** A refused token younger than this is not refreshed if the API refused the previous call, too. */
const REFUSED_AGAIN_MS = 10 * 60 * 1000;

/** Why a call to PagerDuty failed, or could not be made. */
export type CallProblem = ApiProblem | { problem: "not_connected" };
type Ready = { ok: true; connection: Connection } | ({ ok: false } & CallProblem);

/** Why the token could not be refreshed, for the status; null if no refresh has failed. */
export type RefreshFailure = { failures: number; reason: string } | null;

export class Tokens {
  readonly #storage: DurableObjectStorage;
  readonly #store: ConnectionStore;
  readonly #config: Config;
  readonly #gate: Gate;
  readonly #onStart: () => void;
  #refreshing: Promise<void> | null = null;

  /** @param onStart sets the alarm, so that the refresh is tried again if the object dies during it */
  constructor(
    storage: DurableObjectStorage,
    store: ConnectionStore,
    config: Config,
    gate: Gate,
    onStart: () => void,
  ) {
    this.#storage = storage;
    this.#store = store;
    this.#config = config;
    this.#gate = gate;
    this.#onStart = onStart;
  }

  /** Refreshes an OAuth token whose refresh is due. Then returns the connection with a usable credential. */
  async ready(): Promise<Ready> {
    await this.refreshIfDue();
    const { connection } = this.#store;
    if (!connection) return { ok: false, problem: "not_connected" };
    if (connection.authType === "api_token" || Date.now() < connection.expiresAtMs) {
      return { ok: true, connection };
    }
    if (connection.refusedAtMs !== null || connection.refreshToken === null) {
      return { ok: false, problem: "unauthorized" };
    }
    const why = this.#attemptOf(connection)?.reason ?? "it has not been refreshed yet";
    return { ok: false, problem: "unavailable", reason: `The OAuth token has expired: ${why}` };
  }

  /** Refreshes a token whose refresh is due. If a refresh is already running, only waits for its end. */
  async refreshIfDue(): Promise<void> {
    if (!this.#refreshing) {
      const connection = this.#refreshable();
      if (!connection || Date.now() < this.#dueAtMs(connection, refreshDueAtMs)) return;
      this.#start(connection);
    }
    await this.#refreshing;
  }

  /** Like `refreshIfDue`, but waits at most `STATUS_WAIT_MS`. */
  async refreshForStatus(): Promise<void> {
    const timer = new AbortController();
    const waited = scheduler.wait(STATUS_WAIT_MS, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([this.refreshIfDue(), waited]);
    timer.abort();
  }

  /**
   * Refreshes an unexpired token that the API refused with a 401.
   * @returns the connection with a different token, for a retry; null if there is no different token
   */
  async replaceRefused(used: OAuthConnection): Promise<OAuthConnection | null> {
    await this.#refreshing;
    const other = this.#otherThan(used);
    if (other) return other;
    const connection = this.#refreshable();
    if (!connection) return null;
    // If the API refuses even a new token, a newer token would not help.
    const isNew = Date.now() - connection.obtainedAtMs < REFUSED_AGAIN_MS;
    if (connection.accessRefusedAtMs !== null && isNew) return null;
    const nextTryAtMs = this.#attemptOf(connection)?.nextTryAtMs ?? 0;
    if (Date.now() >= nextTryAtMs) await this.#start(connection);
    return this.#otherThan(used);
  }

  /** Stores for the status whether the API accepts the access token. */
  async noteAnswer(used: OAuthConnection, refused: boolean): Promise<void> {
    if ((used.accessRefusedAtMs !== null) === refused) return;
    await this.#store.update((connection) =>
      connection.authType === "oauth" && connection.accessToken === used.accessToken
        ? { ...connection, accessRefusedAtMs: refused ? Date.now() : null }
        : connection,
    );
  }

  /** When the alarm has to refresh the token; null if there is no token to refresh. */
  get nextAtMs(): number | null {
    const connection = this.#refreshable();
    return connection ? this.#dueAtMs(connection, keepAliveAtMs) : null;
  }

  get refreshFailure(): RefreshFailure {
    const connection = this.#refreshable();
    const attempt = connection && this.#attemptOf(connection);
    return attempt?.reason ? { failures: attempt.failures, reason: attempt.reason } : null;
  }

  #refreshable(): OAuthConnection | null {
    const { connection } = this.#store;
    if (connection?.authType !== "oauth") return null;
    return connection.refusedAtMs === null && connection.refreshToken !== null ? connection : null;
  }

  #otherThan(used: OAuthConnection): OAuthConnection | null {
    const { connection } = this.#store;
    return connection?.authType === "oauth" && connection.accessToken !== used.accessToken
      ? connection
      : null;
  }

  /** Returns the `nextTryAtMs` of a failed or interrupted attempt; without an attempt, the planned time. */
  #dueAtMs(connection: OAuthConnection, planned: (life: TokenLife) => number): number {
    const { obtainedAtMs, expiresAtMs, refreshed } = connection;
    return this.#attemptOf(connection)?.nextTryAtMs ?? planned({ obtainedAtMs, expiresAtMs, refreshed });
  }

  #attemptOf(connection: OAuthConnection): Attempt | null {
    const attempt = readStored(this.#storage, KEY, Attempt);
    return attempt?.obtainedAtMs === connection.obtainedAtMs ? attempt : null;
  }

  #start(connection: OAuthConnection): Promise<void> {
    this.#refreshing ??= this.#refresh(connection).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(used: OAuthConnection): Promise<void> {
    const { obtainedAtMs, refreshToken, userId } = used;
    const app = oauthAppOf(this.#config);
    const before = this.#attemptOf(used);
    const failures = before?.failures ?? 0;
    // The attempt is stored before the call. If the object dies during the call, the restarted object tries the same
    // refresh token again at once.
    this.#note({ obtainedAtMs, failures, nextTryAtMs: Date.now(), reason: before?.reason ?? null });
    this.#onStart();
    const answer =
      app && refreshToken !== null
        ? await this.#gate.run(URGENCY.tokens, () => refreshTokens(app, refreshToken))
        : NOT_CONFIGURED;
    const present = this.#store.connection;
    if (present?.authType !== "oauth" || present.refreshToken !== refreshToken) return;
    if (answer.ok) {
      await this.#store.update((connection) => withTokens(connection, used, answer.tokens, Date.now()));
      this.#storage.kv.delete(KEY);
      log.info("oauth.refreshed", { userId });
      return;
    }
    if (answer.problem === "invalid_grant") {
      await this.#store.update((connection) => ({ ...connection, refusedAtMs: Date.now() }));
      this.#storage.kv.delete(KEY);
      log.warn("oauth.refused", { userId });
      return;
    }
    const { reason, delayMs } = retryOf(answer, failures + 1);
    this.#note({ obtainedAtMs, failures: failures + 1, nextTryAtMs: Date.now() + delayMs, reason });
    log.warn("oauth.refresh_failed", { userId, failures: failures + 1, delayMs, reason });
  }

  #note(attempt: Attempt): void {
    this.#storage.kv.put(KEY, attempt);
  }
}

const NOT_CONFIGURED = {
  ok: false as const,
  problem: "rejected" as const,
  reason: "PAGERDUTY_CLIENT_ID or PAGERDUTY_CLIENT_SECRET is not set",
};

function retryOf(answer: Exclude<TokenProblem, { problem: "invalid_grant" }>, failures: number) {
  const delayMs = retryDelayMs(failures, Math.random());
  if (answer.problem !== "rate_limited") return { reason: answer.reason, delayMs };
  return {
    reason: "PagerDuty's sign-in is rate limited",
    delayMs: Math.max(delayMs, answer.retryAfterSeconds * 1000),
  };
}

/** Returns the connection with the new tokens, or unchanged if a sign-in replaced `used` during the refresh. */
function withTokens(
  connection: Connection,
  used: OAuthConnection,
  tokens: TokenSet,
  nowMs: number,
): Connection {
  if (connection.authType !== "oauth" || connection.refreshToken !== used.refreshToken) return connection;
  return {
    ...connection,
    accessToken: tokens.accessToken,
    // RFC 6749, 6: if the answer has no new refresh token, the old one stays valid.
    refreshToken: tokens.refreshToken ?? used.refreshToken,
    expiresAtMs: nowMs + tokens.expiresInSeconds * 1000,
    obtainedAtMs: nowMs,
    refreshed: true,
    grantedScopes: tokens.scopes ?? used.grantedScopes,
  };
}
