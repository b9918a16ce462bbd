import type { Config } from "../config.ts";
import type { ApiTokenConnection, Connection, OAuthConnection } from "../connection/connection.ts";
import { type CheckedCredential, checkToken } from "../connection/identify.ts";
import { isOfOtherAccount } from "../connection/same-account.ts";
import type { ConnectionStore } from "../connection/store.ts";
import { AppError } from "../errors.ts";
import { log } from "../log.ts";
import { tokenAuthorization } from "../pagerduty/api.ts";
import { apiUrlOf, type Region } from "../pagerduty/region.ts";

/** Who calls, on whose behalf. `orgId` is compared with the one the user connected with, when both are known. */
export interface Caller {
  userId: string;
  orgId: string | null;
}

/** What a sign-in brought. */
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

/** What connecting needs of the others. */
export interface Neighbours {
  /** Removes the subscription that we made, with the credential in force. @returns null where there is none */
  removeSubscription(): Promise<boolean | null>;
  /** Forgets the sign-ins that were begun. */
  forgetLogins(): void;
  /** An incident of the account, by id; null where none is held. */
  anyIncidentId(): string | null;
}

/** Somebody's wish to connect, as old as the call that brought it. Disconnecting ends the ones before it. */
export type Attempt = { readonly disconnects: number };

/** What a disconnect is about; a connection that cannot be opened has no id. */
const UNREADABLE = "unreadable";

/** Connecting, disconnecting, changing credentials, and who may see the connection. */
export class Connecting {
  readonly #store: ConnectionStore;
  readonly #config: Config;
  readonly #neighbours: Neighbours;
  /** How often this life of the object was told to disconnect. */
  #disconnects = 0;
  /** What is being disconnected: nothing of it is kept for whoever connects meanwhile. */
  readonly #leaving = new Set<string>();

  constructor(store: ConnectionStore, config: Config, neighbours: Neighbours) {
    this.#store = store;
    this.#config = config;
    this.#neighbours = neighbours;
  }

  /** To be had before the first wait, and shown after each. */
  attempt(): Attempt {
    return { disconnects: this.#disconnects };
  }

  /** @throws {AppError} not_connected, when a disconnect came after the attempt */
  #stillWanted({ disconnects }: Attempt): void {
    if (disconnects === this.#disconnects) return;
    throw new AppError("not_connected", "Not connected: it was disconnected meanwhile");
  }

  /** Which connection there is, by id; null when there is none. */
  get #present(): string | null {
    const { connection, unreadable } = this.#store;
    return connection?.connectionId ?? (unreadable ? UNREADABLE : null);
  }

  /**
   * Forgets everything about the user. What is connected while PagerDuty is waited for is somebody's newer wish,
   * and stays; what was about to connect is not wanted any more.
   * @returns how many connections this call ended
   */
  async disconnect(): Promise<{ deleted: number; subscriptionDeleted: boolean | null }> {
    this.#disconnects += 1;
    this.#neighbours.forgetLogins();
    const leaving = this.#present;
    if (leaving === null) return { deleted: 0, subscriptionDeleted: null };
    const isFirst = !this.#leaving.has(leaving);
    this.#leaving.add(leaving);
    try {
      const subscriptionDeleted = await this.#neighbours.removeSubscription();
      if (this.#present === leaving) await this.#store.clear();
      return { deleted: isFirst ? 1 : 0, subscriptionDeleted };
    } finally {
      if (isFirst) this.#leaving.delete(leaving);
    }
  }

  /** The connection, for a caller who may use it. @throws {AppError} not_connected, org_mismatch */
  connected(caller: Caller): Connection {
    const { connection } = this.#store;
    if (!connection) throw new AppError("not_connected", "Not connected");
    this.checkOrg(caller, 403);
    return connection;
  }

  /** @throws {AppError} org_mismatch, with the status that the call takes */
  checkOrg(caller: Caller, status: 403 | 409): void {
    const { connection } = this.#store;
    if (!connection || isSameOrg(connection, caller)) return;
    throw new AppError(
      "org_mismatch",
      "PagerDuty is connected for another organisation of this user. Disconnect it first.",
      { status },
    );
  }

  /** Checks an API token with PagerDuty and connects. */
  async connectToken(
    caller: Caller,
    input: { token: string; displayName: string; region: Region | undefined },
  ): Promise<void> {
    this.checkOrg(caller, 409);
    const attempt = this.attempt();
    const checked = await checkToken(input.token, input.region, this.#config.pagerdutyApiUrl);
    const { displayName, token } = input;
    await this.#connect(attempt, caller, checked, (common) => ({
      ...common,
      authType: "api_token",
      token,
      displayName,
    }));
    log.info("connection.made", { userId: caller.userId, region: checked.region, authType: "api_token" });
  }

  /** Connects with the tokens of a sign-in whose owner is known. @throws {AppError} org_mismatch, not_connected */
  async connectOAuth(
    attempt: Attempt,
    caller: Caller,
    checked: CheckedCredential,
    tokens: OAuthTokens,
  ): Promise<void> {
    const displayName = this.#store.connection?.displayName ?? "PagerDuty";
    await this.#connect(attempt, caller, checked, (common) => ({
      ...common,
      ...tokens,
      authType: "oauth",
      displayName,
    }));
    log.info("connection.made", { userId: caller.userId, region: checked.region, authType: "oauth" });
  }

  /** Puts another token of the same account in place of the present one, which stays unless it is valid. */
  async rotate(caller: Caller, token: string): Promise<void> {
    const before = this.connected(caller);
    if (before.authType === "oauth") {
      throw new AppError("oauth_token_not_rotatable", "Cannot rotate OAuth tokens");
    }
    // In whatever region: a valid token of another account is a better answer than "invalid".
    const checked = await checkToken(token, undefined, this.#config.pagerdutyApiUrl);
    const region = this.#config.pagerdutyApiUrl ? before.region : checked.region;
    if (await this.#isOthers(before, token, { ...checked, region })) {
      const name = checked.subdomain ? ` (${checked.subdomain})` : "";
      throw new AppError(
        "account_mismatch",
        `This token belongs to another PagerDuty account${name}. Disconnect first to change accounts.`,
      );
    }
    const present = this.connected(caller);
    if (present.connectionId !== before.connectionId || present.authType !== "api_token") {
      throw new AppError("not_connected", "Not connected");
    }
    await this.#store.set({
      ...present,
      token,
      externalUserEmail: checked.email,
      externalUserName: checked.name,
      accountSubdomain: checked.subdomain ?? present.accountSubdomain,
      validatedAt: new Date().toISOString(),
      refusedAtMs: null,
      canWriteIncidents: null,
    });
    log.info("connection.rotated", { userId: caller.userId });
  }

  /** Whether `token` is another account's than the one that is connected. */
  async #isOthers(before: ApiTokenConnection, token: string, checked: CheckedCredential): Promise<boolean> {
    const { subdomain, region } = checked;
    if (isOtherAccount(before, subdomain, region)) return true;
    if (subdomain !== null && before.accountSubdomain !== null) return false;
    const apiUrl = apiUrlOf(region, this.#config.pagerdutyApiUrl);
    const targetOf = (one: string) => ({ apiUrl, authorization: tokenAuthorization(one) });
    return isOfOtherAccount(targetOf(before.token), targetOf(token), {
      subscriptionId: before.subscription?.id ?? null,
      incidentId: this.#neighbours.anyIncidentId(),
    });
  }

  /** Puts the new connection in place of the present one, unless somebody disconnected meanwhile. */
  async #connect(
    attempt: Attempt,
    caller: Caller,
    checked: CheckedCredential,
    connectionOf: (common: ReturnType<typeof commonOf>) => Connection,
  ): Promise<void> {
    await this.#leaveOtherAccount(attempt, caller, checked);
    const { connection: held, unreadable } = this.#store;
    const kept = held && this.#isKept(held, checked) ? held : null;
    const connection = connectionOf(commonOf(caller, checked, kept));
    // Nothing of one account may be taken for the other's.
    if (kept || (!held && !unreadable)) await this.#store.set(connection);
    else await this.#store.replace(connection);
  }

  /**
   * The webhook that we made at another account would go on posting here, and be refused: it is removed while the
   * credential for it is still held.
   */
  async #leaveOtherAccount(attempt: Attempt, caller: Caller, checked: CheckedCredential): Promise<void> {
    let left: string | null = null;
    for (;;) {
      this.#stillWanted(attempt);
      this.checkOrg(caller, 409);
      const { connection } = this.#store;
      if (!connection || this.#isKept(connection, checked) || connection.connectionId === left) return;
      left = connection.connectionId;
      await this.#neighbours.removeSubscription();
    }
  }

  /** Whether what is held belongs to the new connection, too: it is the same account's, and nobody is leaving it. */
  #isKept(connection: Connection, { subdomain, region }: CheckedCredential): boolean {
    return !this.#leaving.has(connection.connectionId) && !isOtherAccount(connection, subdomain, region);
  }
}

/** What every new connection has; of the one before what belongs to the account. @param kept null: of none */
function commonOf(caller: Caller, checked: CheckedCredential, kept: Connection | null) {
  return {
    connectionId: kept?.connectionId ?? crypto.randomUUID(),
    signingSecrets: kept?.signingSecrets ?? [],
    subscription: kept?.subscription ?? null,
    userId: caller.userId,
    orgId: caller.orgId ?? kept?.orgId ?? null,
    region: checked.region,
    // A key that sees no service tells no subdomain; the account is the same, and so is its name.
    accountSubdomain: checked.subdomain ?? kept?.accountSubdomain ?? null,
    externalUserEmail: checked.email,
    externalUserName: checked.name,
    validatedAt: new Date().toISOString(),
    refusedAtMs: null,
    canWriteIncidents: null,
  };
}

/** Unknown subdomains prove nothing. */
function isOtherAccount(connection: Connection, subdomain: string | null, region: Region): boolean {
  if (connection.region !== region) return true;
  return (
    subdomain !== null && connection.accountSubdomain !== null && subdomain !== connection.accountSubdomain
  );
}

export function isSameOrg(connection: Connection, caller: Caller): boolean {
  return connection.orgId === null || caller.orgId === null || connection.orgId === caller.orgId;
}
