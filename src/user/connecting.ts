import type { Config } from "../config.ts";
import type { Connection, OAuthConnection } from "../credentials/connection.ts";
import { AppError } from "../errors.ts";
import { log } from "../log.ts";
import type { Region } from "../pagerduty/region.ts";
import type { Account } from "./account.ts";
import { type CheckedCredential, checkToken } from "./credential.ts";

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

/** Connecting, changing credentials, and who may see the connection. */
export class Connecting {
  readonly #account: Account;
  readonly #config: Config;

  constructor(account: Account, config: Config) {
    this.#account = account;
    this.#config = config;
  }

  /** The connection, for a caller who may use it. @throws {AppError} not_connected, org_mismatch */
  connected(caller: Caller): Connection {
    const { connection } = this.#account;
    if (!connection) throw new AppError("not_connected", "Not connected");
    this.checkOrg(caller, 403);
    return connection;
  }

  /** @throws {AppError} org_mismatch, with the status that the call takes */
  checkOrg(caller: Caller, status: 403 | 409): void {
    const { connection } = this.#account;
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
    const checked = await checkToken(input.token, input.region, this.#config.pagerdutyApiUrl);
    this.checkOrg(caller, 409);
    const { displayName, token } = input;
    await this.#account.set({
      ...(await this.#common(caller, checked)),
      authType: "api_token",
      token,
      displayName,
    });
    log.info("connection.made", { userId: caller.userId, region: checked.region, authType: "api_token" });
  }

  /** Connects with the tokens of a sign-in whose owner is known. @throws {AppError} org_mismatch */
  async connectOAuth(caller: Caller, checked: CheckedCredential, tokens: OAuthTokens): Promise<void> {
    this.checkOrg(caller, 409);
    const displayName = this.#account.connection?.displayName ?? "PagerDuty";
    await this.#account.set({
      ...(await this.#common(caller, checked)),
      ...tokens,
      authType: "oauth",
      displayName,
    });
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
    if (isOtherAccount(before, checked.subdomain, region)) {
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
    await this.#account.set({
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

  /** What every new connection has; of the present one what belongs to the account, if it is the same. */
  async #common(caller: Caller, checked: CheckedCredential) {
    const kept = await this.#keepAccount(checked);
    return {
      ...kept,
      userId: caller.userId,
      orgId: caller.orgId ?? kept.orgId,
      region: checked.region,
      // A key that sees no service tells no subdomain; the account is the same, and so is its name.
      accountSubdomain: checked.subdomain ?? kept.accountSubdomain,
      externalUserEmail: checked.email,
      externalUserName: checked.name,
      validatedAt: new Date().toISOString(),
      refusedAtMs: null,
      canWriteIncidents: null,
    };
  }

  async #keepAccount({ subdomain, region }: CheckedCredential) {
    const { connection } = this.#account;
    if (connection && !isOtherAccount(connection, subdomain, region)) {
      const { connectionId, orgId, accountSubdomain, signingSecrets, subscription } = connection;
      return { connectionId, orgId, accountSubdomain, signingSecrets, subscription };
    }
    // Nothing of one account may be taken for the other's.
    if (connection || this.#account.unreadable) await this.#account.clear();
    const connectionId = crypto.randomUUID();
    return { connectionId, orgId: null, accountSubdomain: null, signingSecrets: [], subscription: null };
  }
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
