import type { Connection } from "../connection/connection.ts";
import type { ConnectionStore } from "../connection/store.ts";
import { log } from "../log.ts";
import { readStored } from "../storage/stored-value.ts";
import { outcomeOf } from "./answer.ts";
import type { AuroraBackend, BackendCall, Member } from "./backend.ts";
import {
  afterAnswer,
  afterChange,
  afterLook,
  atCheck,
  type Change,
  isForgotten,
  MirrorState,
  nextCallAtMs,
  type Pending,
  UNKNOWN,
} from "./mirror-state.ts";
import { permissions } from "./permission.ts";

/**
 * Sends changes of the connection to Aurora's backend. Aurora's list of connectors is then right, and Aurora's webhook
 * route accepts the organisation's events. A change takes effect in the connector even if Aurora does not accept it.
 */

const KEY = "mirror";
/** Aurora checks a token with PagerDuty before it answers. */
const TIMEOUT_MS = 30_000;

/** The part of the mirror's state that the status shows. */
export interface MirrorView {
  knowsConnection: boolean | null;
  checkedAtMs: number | null;
  failure: string | null;
}

export class Mirror {
  readonly #storage: DurableObjectStorage;
  readonly #store: ConnectionStore;
  readonly #backend: AuroraBackend | null;

  /** @param backend null if AURORA_BACKEND_URL is not set; nothing is mirrored in that case */
  constructor(storage: DurableObjectStorage, store: ConnectionStore, backend: AuroraBackend | null) {
    this.#storage = storage;
    this.#store = store;
    this.#backend = backend;
  }

  get view(): MirrorView | null {
    if (this.#backend === null) return null;
    const { knowsConnection, checkedAtMs, failure } = this.#state;
    return { knowsConnection, checkedAtMs, failure };
  }

  get nextAtMs(): number | null {
    return this.#backend === null ? null : nextCallAtMs(this.#state);
  }

  /** Stores a change. `run` sends it to Aurora later, so that the member does not wait. */
  note(change: Change["change"], member: Member): void {
    if (this.#backend === null) return;
    this.#save(afterChange(this.#state, this.#changeOf(change, member), Date.now()));
  }

  /**
   * Called by every check of the connection. Plans to send the pending change. If no change is pending, plans to
   * read Aurora's status.
   */
  check(): void {
    if (this.#backend === null || this.#store.connection === null) return;
    this.#save(atCheck(this.#state, Date.now()));
  }

  /** Makes the call that is due, if any. */
  async run(): Promise<void> {
    const backend = this.#backend;
    const { pending, lookAtMs } = this.#state;
    const nowMs = Date.now();
    if (backend === null) return;
    if (pending !== null && pending.nextAtMs !== null && pending.nextAtMs <= nowMs) {
      await this.#send(backend, pending);
    } else if (lookAtMs !== null && lookAtMs <= nowMs) await this.#look(backend);
  }

  async #send(backend: AuroraBackend, sent: Pending): Promise<void> {
    const call = callFor(sent.change, this.#store.connection);
    if (call === null) {
      // The change was stored for an earlier connection. The present connection cannot be mirrored.
      this.#save({ ...this.#state, pending: null });
      return;
    }
    const answer = await backend.call(sent, { ...call, timeoutMs: TIMEOUT_MS });
    permissions.noteAnswer(answer);
    const before = this.#state;
    const after = afterAnswer(before, sent, answer, Date.now());
    log.info("mirror.told", { userId: sent.userId, change: sent.change, outcome: outcomeOf(answer) });
    if (after === null && !isForgotten(answer)) {
      log.error("mirror.given_up", { userId: sent.userId, orgId: sent.orgId, change: sent.change });
    }
    if (after !== before) this.#save(after);
  }

  async #look(backend: AuroraBackend): Promise<void> {
    const { connection } = this.#store;
    if (connection === null) {
      // If there is no connection, Aurora's status is not read, and only a disconnect can be pending.
      this.#save(this.#state.pending === null ? null : { ...this.#state, lookAtMs: null });
      return;
    }
    const member = { userId: connection.userId, orgId: connection.orgId };
    const answer = await backend.call(member, { method: "GET", timeoutMs: TIMEOUT_MS });
    permissions.noteAnswer(answer);
    if (this.#store.connection?.connectionId !== connection.connectionId) return;
    const again = this.#changeOf("connect", member);
    this.#save(afterLook(this.#state, answer, again, Date.now()));
  }

  #changeOf(change: Change["change"], member: Member): Change {
    const { connection } = this.#store;
    const isMirrorable =
      change === "disconnect"
        ? member.orgId !== null
        : connection !== null && obstacleOf(connection) === null;
    return { id: crypto.randomUUID(), change, member, isMirrorable };
  }

  get #state(): MirrorState {
    return readStored(this.#storage, KEY, MirrorState) ?? UNKNOWN;
  }

  #save(state: MirrorState | null): void {
    if (state === null) this.#storage.kv.delete(KEY);
    else this.#storage.kv.put(KEY, state);
  }
}

/** Why a connection cannot be mirrored: no API token, not the US region, or no organisation. */
export type Obstacle = "oauth" | "region" | "no_organisation";

export function obstacleOf({ authType, region, orgId }: Connection): Obstacle | null {
  if (authType === "oauth") return "oauth";
  if (region !== "us") return "region";
  return orgId === null ? "no_organisation" : null;
}

/** Returns the call that Aurora's UI makes for this change; null if the connection cannot be mirrored. */
function callFor(
  change: Pending["change"],
  connection: Connection | null,
): Omit<BackendCall, "timeoutMs"> | null {
  if (change === "disconnect") return { method: "DELETE" };
  if (connection?.authType !== "api_token" || obstacleOf(connection) !== null) return null;
  const { token, displayName } = connection;
  return change === "connect"
    ? { method: "POST", body: { token, displayName } }
    : { method: "PATCH", body: { token } };
}
