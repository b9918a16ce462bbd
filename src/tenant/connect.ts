import type { Config } from "../config.ts";
import {
  type ApiTokenConnection,
  type Connection,
  type OAuthConnection,
  withSecret,
} from "../connection/connection.ts";
import { type CheckedCredential, checkToken, isOfOtherAccount } from "../connection/identify.ts";
import type { ConnectionStore } from "../connection/store.ts";
import { AppError } from "../errors.ts";
import { log } from "../log.ts";
import { bearerAuthorization, tokenAuthorization } from "../pagerduty/api.ts";
import type { Region } from "../pagerduty/region.ts";
import { type Caller, tenantIdOf } from "../tenant-id.ts";

export type OAuthTokens = Pick<
  OAuthConnection,
  | "accessToken"
  | "refreshToken"
  | "expiresAtMs"
  | "obtainedAtMs"
  | "refreshed"
  | "accessRefusedAtMs"
  | "grantedScopes"
  | "requestedScopes"
>;

/** The part of a connection that depends on its kind, API token or OAuth. `commonOf` makes the rest. */
type Credential = { displayName: string } & (
  | Pick<ApiTokenConnection, "authType" | "token">
  | (Pick<OAuthConnection, "authType"> & OAuthTokens)
);

export interface Neighbours {
  /** Deletes the subscription that we created. @returns whether PagerDuty deleted it; null if we created none */
  removeSubscription(): Promise<boolean | null>;
  forgetLogins(): void;
  anyIncidentId(): string | null;
  /** Plans a call that makes Aurora's backend remove its copy of the connection. */
  noteDisconnect(caller: Caller): void;
}

/** One attempt to connect. A disconnect cancels every attempt that started before it. */
export type Attempt = { readonly disconnects: number };

/** Stands for the id of a stored connection that cannot be decrypted. */
const UNREADABLE = "unreadable";

/** If `region` is undefined, both regions are tried. */
export interface TokenInput {
  token: string;
  displayName: string;
  region: Region | undefined;
}

/** Connects, disconnects, and changes credentials. */
export class Connecting {
  readonly #store: ConnectionStore;
  readonly #config: Config;
  readonly #neighbours: Neighbours;
  #disconnects = 0;
  /** The ids of connections that are being disconnected. */
  readonly #leaving = new Set<string>();

  constructor(store: ConnectionStore, config: Config, neighbours: Neighbours) {
    this.#store = store;
    this.#config = config;
    this.#neighbours = neighbours;
  }

  /**
   * A disconnect that starts later cancels the attempt. Call this before the first await, and check the attempt
   * (`#checkNotCancelled`) after every await.
   */
  attempt(): Attempt {
    return { disconnects: this.#disconnects };
  }

  /** @throws {AppError} not_connected, if a disconnect cancelled the attempt */
  #checkNotCancelled({ disconnects }: Attempt): void {
    if (disconnects === this.#disconnects) return;
    throw new AppError("not_connected", "Not connected: a disconnect came first");
  }

  get #present(): string | null {
    const { connection, unreadable } = this.#store;
    return connection?.connectionId ?? (unreadable ? UNREADABLE : null);
  }

  /**
   * Deletes the subscription that we created, then everything stored for the connection. Cancels attempts to connect
   * that started before this call. Keeps a connection that is made during this call.
   * @returns `deleted`: how many connections this call ended
   */
  async disconnect(caller: Caller): Promise<{ deleted: number; subscriptionDeleted: boolean | null }> {
    this.#disconnects += 1;
    this.#neighbours.forgetLogins();
    const leaving = this.#present;
    if (leaving === null) {
      // KV may still have a copy of a connection that was deleted earlier.
      await this.#store.forgetCopy(tenantIdOf(caller));
      // Aurora may still have a connection, and nothing else makes Aurora remove it.
      this.#neighbours.noteDisconnect(caller);
      return { deleted: 0, subscriptionDeleted: null };
    }
    const isFirst = !this.#leaving.has(leaving);
    this.#leaving.add(leaving);
    try {
      const subscriptionDeleted = await this.#neighbours.removeSubscription();
      if (this.#present === leaving) {
        const cleared = this.#store.clear(tenantIdOf(caller));
        // No await separates the deletion from the planned call to Aurora, so a crash loses both or neither.
        this.#neighbours.noteDisconnect(caller);
        await cleared;
      }
      return { deleted: isFirst ? 1 : 0, subscriptionDeleted };
    } finally {
      if (isFirst) this.#leaving.delete(leaving);
    }
  }

  /** @throws {AppError} not_connected */
  connected(): Connection {
    const { connection } = this.#store;
    if (!connection) throw new AppError("not_connected", "Not connected");
    return connection;
  }

  async connectToken(caller: Caller, input: TokenInput): Promise<void> {
    const attempt = this.attempt();
    const checked = await checkToken(input.token, input.region, this.#config.pagerdutyApiUrl);
    const { displayName, token } = input;
    const credential = { authType: "api_token" as const, token, displayName };
    await this.#connect(attempt, caller, tokenAuthorization(token), checked, credential);
  }

  /** @throws {AppError} not_connected, if a disconnect came after the start of the sign-in */
  async connectOAuth(
    attempt: Attempt,
    caller: Caller,
    checked: CheckedCredential,
    tokens: OAuthTokens,
  ): Promise<void> {
    const displayName = this.#store.connection?.displayName ?? "PagerDuty";
    const credential = { ...tokens, authType: "oauth" as const, displayName };
    await this.#connect(attempt, caller, bearerAuthorization(tokens.accessToken), checked, credential);
  }

  /** Replaces the API token by a new token of the same account. */
  async rotate(caller: Caller, token: string): Promise<void> {
    const before = this.connected();
    if (before.authType === "oauth") {
      throw new AppError("oauth_token_not_rotatable", "Cannot rotate OAuth tokens");
    }
    // Tries both regions, so that a valid token of the other region is reported as `account_mismatch`, not as invalid.
    const checked = await checkToken(token, undefined, this.#config.pagerdutyApiUrl);
    if (this.connected().connectionId !== before.connectionId)
      throw new AppError("not_connected", "Not connected");
    const region = this.#config.pagerdutyApiUrl ? before.region : checked.region;
    if (await this.#isOthers(before, tokenAuthorization(token), { ...checked, region })) {
      const name = checked.subdomain ? ` (${checked.subdomain})` : "";
      throw new AppError(
        "account_mismatch",
        `This token belongs to another PagerDuty account${name}. Disconnect first to change accounts.`,
      );
    }
    const present = this.connected();
    if (present.connectionId !== before.connectionId || present.authType !== "api_token") {
      throw new AppError("not_connected", "Not connected");
    }
    await this.#store.set(tenantIdOf(caller), {
      ...present,
      token,
      externalUserEmail: checked.email,
      externalUserName: checked.name,
      accountSubdomain: checked.subdomain ?? present.accountSubdomain,
      validatedAt: new Date().toISOString(),
      refusedAtMs: null,
      canWriteIncidents: null,
    });
    log.info("connection.rotated", { tenantId: tenantIdOf(caller), userId: caller.userId });
  }

  /** Adds a signing secret that a person pasted. The previous secrets stay valid for a day. */
  async addSigningSecret(secret: string): Promise<void> {
    const added = { id: crypto.randomUUID(), secret, subscriptionId: null, expiresAtMs: null };
    await this.#store.update((connection) => ({
      ...connection,
      signingSecrets: withSecret(connection, added, Date.now()),
    }));
  }

  /** @returns how many secrets were removed */
  async removeSigningSecrets(): Promise<number> {
    const { length } = this.connected().signingSecrets;
    await this.#store.update((connection) => ({ ...connection, signingSecrets: [] }));
    return length;
  }

  /** Whether a new credential and the stored connection `before` belong to different accounts. */
  async #isOthers(before: Connection, authorization: string, checked: CheckedCredential): Promise<boolean> {
    const incidentId = this.#neighbours.anyIncidentId();
    return isOfOtherAccount(before, { authorization, checked }, incidentId, this.#config.pagerdutyApiUrl);
  }

  async #connect(
    attempt: Attempt,
    caller: Caller,
    authorization: string,
    checked: CheckedCredential,
    credential: Credential,
  ): Promise<void> {
    const keptId = await this.#leaveOtherAccount(attempt, authorization, checked);
    const { connection: held, unreadable } = this.#store;
    const kept = held?.connectionId === keptId ? (held ?? null) : null;
    const connection: Connection = { ...commonOf(caller, checked, kept), ...credential };
    // `set` keeps the stored incidents and events. `replace` deletes them, because they may belong to another account.
    if (kept || (!held && !unreadable)) await this.#store.set(tenantIdOf(caller), connection);
    else await this.#store.replace(tenantIdOf(caller), connection);
    log.info("connection.made", {
      tenantId: tenantIdOf(caller),
      userId: caller.userId,
      region: checked.region,
      authType: credential.authType,
    });
  }

  /**
   * If the stored connection belongs to another account or is being disconnected, deletes the subscription that we
   * created, which would keep posting webhooks that are refused here. The deletion needs the old credential, so it
   * comes before the new connection is stored.
   * @returns the id of the stored connection, if its incidents and events are kept; null otherwise
   */
  async #leaveOtherAccount(
    attempt: Attempt,
    authorization: string,
    checked: CheckedCredential,
  ): Promise<string | null> {
    let left: string | null = null;
    for (;;) {
      this.#checkNotCancelled(attempt);
      const { connection } = this.#store;
      if (!connection || connection.connectionId === left) return null;
      const { connectionId } = connection;
      if (!this.#leaving.has(connectionId)) {
        const isOthers = await this.#isOthers(connection, authorization, checked);
        this.#checkNotCancelled(attempt);
        if (this.#store.connection?.connectionId !== connectionId) continue;
        if (!isOthers && !this.#leaving.has(connectionId)) return connectionId;
      }
      left = connectionId;
      await this.#neighbours.removeSubscription();
    }
  }
}

/**
 * Returns the part that connections of both kinds have.
 * @param kept the previous connection of the same account, if any
 */
function commonOf(caller: Caller, checked: CheckedCredential, kept: Connection | null) {
  return {
    connectionId: kept?.connectionId ?? crypto.randomUUID(),
    signingSecrets: kept?.signingSecrets ?? [],
    subscription: kept?.subscription ?? null,
    userId: caller.userId,
    orgId: caller.orgId,
    // PagerDuty's answer may lack the subdomain, for example if the key can read no service. The stored region and
    // the stored subdomain then stay.
    region: (checked.subdomain === null && kept?.region) || checked.region,
    accountSubdomain: checked.subdomain ?? kept?.accountSubdomain ?? null,
    externalUserEmail: checked.email,
    externalUserName: checked.name,
    validatedAt: new Date().toISOString(),
    refusedAtMs: null,
    canWriteIncidents: null,
  };
}
