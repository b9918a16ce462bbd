import { DurableObject } from "cloudflare:workers";
import { type Config, configOf } from "../config.ts";
import { type Connection, type SigningSecret, withSecret } from "../credentials/connection.ts";
import { createKeyring } from "../credentials/seal.ts";
import { type Answer, AppError, answer } from "../errors.ts";
import type { Outcome } from "../incidents/incident.ts";
import { isMigrated, migrate } from "../incidents/migrations.ts";
import { dueDeliveries, nextDeliveryAtMs, summarizeOutbox } from "../incidents/outbox.ts";
import { analysesDue, type IncidentCursor, nextAnalysisAtMs } from "../incidents/store.ts";
import { describe, log, setReadableLogs } from "../log.ts";
import type { Region } from "../pagerduty/region.ts";
import { Account } from "./account.ts";
import { requestAnalysis } from "./analyses.ts";
import { Calls } from "./calls.ts";
import { checkToken } from "./credential.ts";
import { deliver } from "./deliveries.ts";
import { takeIn } from "./intake.ts";
import { type Job, Loop } from "./loop.ts";
import { incidentDetail, incidentPage, webhookTimes } from "./reading.ts";
import { Refusals } from "./refusals.ts";
import { verificationKeys, verifyingSecret } from "./secrets.ts";
import { statusOf } from "./status.ts";
import { Upkeep } from "./upkeep.ts";
import type { ReceivedWebhook } from "./webhook.ts";

/** Who calls, on whose behalf. `orgId` is compared with the one the user connected with, when both are known. */
export interface Caller {
  userId: string;
  orgId: string | null;
}

/** At once to Aurora; a runtime allows six open connections, and PagerDuty and runbooks need theirs. */
const MAX_DELIVERIES = 4;
/** At once; a runbook may take 10 s, and an incident's analysis must not wait for all the others'. */
const MAX_ANALYSES = 2;

/**
 * One Aurora user: the only writer of everything that is held for the user. RPC and alarm, nothing else; what
 * they do is in the files beside this one.
 */
export class PagerDutyUser extends DurableObject<Env> {
  readonly #config: Config;
  readonly #sql: SqlStorage;
  readonly #account: Account;
  readonly #calls: Calls;
  readonly #loop: Loop;
  readonly #refusals: Refusals;
  readonly #upkeep: Upkeep;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#config = configOf(env);
    setReadableLogs(this.#config.dev);
    this.#sql = ctx.storage.sql;
    this.#account = new Account(ctx.storage, env.CONNECTIONS, createKeyring(this.#config.credentialsKeys));
    this.#calls = new Calls(this.#account, this.#config);
    this.#refusals = new Refusals(ctx.storage);
    this.#upkeep = new Upkeep(ctx.storage, this.#account, this.#config);
    this.#loop = new Loop({
      due: (nowMs, busy) => this.#due(nowMs, busy),
      nextAtMs: () => this.#nextAtMs(),
    });
    void ctx.blockConcurrencyWhile(async () => {
      if (isMigrated(ctx.storage)) migrate(ctx.storage);
      await this.#account.open();
    });
  }

  /** `GET /pagerduty`. */
  async status(caller: Caller, webhookUrl: string) {
    return this.#status(caller, webhookUrl);
  }

  /** `POST /pagerduty`: checks the token with PagerDuty and connects. */
  async connectToken(
    caller: Caller,
    input: { token: string; displayName: string; region: Region | undefined },
    webhookUrl: string,
  ) {
    return answer(async () => {
      this.#checkOrg(caller, 409);
      const checked = await checkToken(input.token, input.region, this.#config.pagerdutyApiUrl);
      this.#checkOrg(caller, 409);
      const kept = await this.#keepAccount(checked.subdomain, checked.region);
      await this.#account.set({
        ...kept,
        authType: "api_token",
        token: input.token,
        userId: caller.userId,
        orgId: caller.orgId ?? kept.orgId,
        displayName: input.displayName,
        region: checked.region,
        accountSubdomain: checked.subdomain,
        externalUserEmail: checked.email,
        externalUserName: checked.name,
        validatedAt: new Date().toISOString(),
        refusedAtMs: null,
        canWriteIncidents: null,
      });
      log.info("connection.made", { userId: caller.userId, region: checked.region, authType: "api_token" });
      await this.#arm();
      return this.#status(caller, webhookUrl);
    });
  }

  /** `PATCH /pagerduty`: another token of the same account. The old one stays unless the new one is valid. */
  async rotate(caller: Caller, token: string, webhookUrl: string) {
    return answer(async () => {
      const before = this.#connected(caller);
      if (before.authType === "oauth") {
        throw new AppError("oauth_token_not_rotatable", "Cannot rotate OAuth tokens");
      }
      const checked = await checkToken(token, before.region, this.#config.pagerdutyApiUrl).catch((error) => {
        // A token of the other region is another account's, which is a better answer than "invalid".
        if (error instanceof AppError && error.code === "invalid_token") {
          return checkToken(token, undefined, this.#config.pagerdutyApiUrl);
        }
        throw error;
      });
      if (isOtherAccount(before, checked.subdomain, checked.region)) {
        throw new AppError(
          "account_mismatch",
          `This token belongs to another PagerDuty account${checked.subdomain ? ` (${checked.subdomain})` : ""}. Disconnect first to change accounts.`,
        );
      }
      const present = this.#connected(caller);
      if (present.connectionId !== before.connectionId || present.authType !== "api_token") {
        throw new AppError("not_connected", "Not connected");
      }
      await this.#account.update((connection) =>
        connection.authType !== "api_token"
          ? connection
          : {
              ...connection,
              token,
              externalUserEmail: checked.email,
              externalUserName: checked.name,
              accountSubdomain: checked.subdomain ?? connection.accountSubdomain,
              validatedAt: new Date().toISOString(),
              refusedAtMs: null,
              canWriteIncidents: null,
            },
      );
      log.info("connection.rotated", { userId: caller.userId });
      await this.#arm();
      return this.#status(caller, webhookUrl);
    });
  }

  /** `DELETE /pagerduty`: forgets everything about the user. @returns how many connections there were */
  async disconnect(caller: Caller): Promise<{ deleted: number }> {
    const deleted = this.#account.connection || this.#account.unreadable ? 1 : 0;
    if (deleted > 0) {
      await this.#account.clear(caller.userId);
      log.info("connection.removed", { userId: caller.userId });
      if (this.#account.replicaBehind) await this.#arm();
    }
    return { deleted };
  }

  /** `PUT /pagerduty/signing-secret`. The one before stays valid for a day. */
  async addSigningSecret(caller: Caller, secret: string): Promise<Answer<void>> {
    return answer(async () => {
      this.#connected(caller);
      const added: SigningSecret = {
        id: crypto.randomUUID(),
        secret,
        subscriptionId: null,
        expiresAtMs: null,
      };
      await this.#account.update((connection) => ({
        ...connection,
        signingSecrets: withSecret(connection.signingSecrets, added, Date.now()),
      }));
      this.#refusals.clear();
      await this.#arm();
    });
  }

  /** `DELETE /pagerduty/signing-secret`. @returns how many there were */
  async removeSigningSecrets(caller: Caller): Promise<Answer<number>> {
    return answer(async () => {
      const count = this.#connected(caller).signingSecrets.length;
      await this.#account.update((connection) => ({ ...connection, signingSecrets: [] }));
      await this.#arm();
      return count;
    });
  }

  /**
   * For the edge, when its copy says no: what counts here, now. A refusal is counted.
   * @returns the connection and the secret that verifies the body, or why it is refused
   */
  async judge(
    signatureHeader: string | null,
    body: Uint8Array<ArrayBuffer>,
  ): Promise<
    | { verdict: "genuine"; connectionId: string; secretId: string }
    | { verdict: "unverifiable"; connectionId: string }
    | { verdict: "not_connected" | "refused" | "unreadable" }
  > {
    const { connection } = this.#account;
    if (!connection) return { verdict: this.#account.unreadable ? "unreadable" : "not_connected" };
    const nowMs = Date.now();
    const { connectionId } = connection;
    const keys = await verificationKeys(connection, nowMs);
    if (keys.length === 0) return { verdict: "unverifiable", connectionId };
    const secretId = await verifyingSecret(keys, signatureHeader, body, nowMs);
    if (secretId) return { verdict: "genuine", connectionId, secretId };
    this.#refusals.count(
      signatureHeader === null ? "they carry no signature" : "the signature does not match",
      nowMs,
    );
    return { verdict: "refused" };
  }

  /**
   * Takes in what the edge accepted, each webhook by itself: one that fails does not hold up the others.
   * @returns one outcome for each, `failed` for those to be tried again
   */
  async ingest(webhooks: ReceivedWebhook[]): Promise<(Outcome | "failed")[]> {
    const outcomes: (Outcome | "failed")[] = [];
    for (const webhook of webhooks) outcomes.push(await this.#ingestOne(webhook));
    await this.#arm();
    return outcomes;
  }

  async #ingestOne(webhook: ReceivedWebhook): Promise<Outcome | "failed"> {
    const nowMs = Date.now();
    let outcome: Outcome | "failed" = "ignored";
    let error: string | undefined;
    try {
      if (await this.#isTrusted(webhook)) {
        outcome = this.ctx.storage.transactionSync(() =>
          takeIn({ sql: this.#sql, config: this.#config }, webhook, nowMs),
        );
      } else error = "It came for a connection or a secret that is no longer there";
    } catch (thrown) {
      outcome = "failed";
      error = describe(thrown);
    }
    log[outcome === "failed" ? "error" : "info"]("webhook.processed", {
      requestId: webhook.requestId,
      userId: webhook.userId,
      webhookId: webhook.webhookId,
      outcome,
      error,
      waitedMs: nowMs - webhook.receivedAtMs,
    });
    return outcome;
  }

  /** What the edge verified may have been overtaken since; then it is verified again with what counts now. */
  async #isTrusted(webhook: ReceivedWebhook): Promise<boolean> {
    const { connection } = this.#account;
    if (!connection) return false;
    const sameConnection = connection.connectionId === webhook.connectionId;
    if (sameConnection && connection.signingSecrets.some(({ id }) => id === webhook.secretId)) return true;
    const keys = await verificationKeys(connection, webhook.receivedAtMs);
    return (await verifyingSecret(keys, webhook.signature, webhook.body, webhook.receivedAtMs)) !== null;
  }

  /** `GET /pagerduty/incidents`. */
  async incidents(
    caller: Caller,
    filter: { status: "investigating" | "resolved" | null; limit: number; after: IncidentCursor | null },
  ) {
    return answer(() => {
      this.#connected(caller);
      return incidentPage(this.#sql, filter);
    });
  }

  /** `GET /pagerduty/incidents/{incidentId}`. */
  async incident(caller: Caller, incidentId: string) {
    return answer(() => {
      this.#connected(caller);
      return incidentDetail(this.#sql, incidentId);
    });
  }

  override async alarm(): Promise<void> {
    let nextAtMs: number | null;
    try {
      nextAtMs = await this.#loop.run();
    } catch (error) {
      // An alarm that throws is given up on after a few tries; this one has to come back.
      log.error("alarm.crashed", { userId: this.#account.connection?.userId, error: describe(error) });
      nextAtMs = Date.now() + 30_000;
    }
    if (nextAtMs !== null) await this.ctx.storage.setAlarm(Math.max(nextAtMs, Date.now()));
  }

  #due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs = this.#upkeep.due(nowMs);
    if (this.#account.connection) {
      for (const entry of dueDeliveries(this.#sql, nowMs, MAX_DELIVERIES)) {
        const delivering = {
          sql: this.#sql,
          config: this.#config,
          account: this.#account,
          calls: this.#calls,
        };
        jobs.push({
          key: `delivery:${entry.incidentId ?? entry.seq}`,
          run: () => deliver(delivering, entry),
        });
      }
      for (const { incidentId } of analysesDue(this.#sql, nowMs, MAX_ANALYSES)) {
        const analysing = { sql: this.#sql, config: this.#config, account: this.#account };
        jobs.push({ key: `analysis:${incidentId}`, run: () => requestAnalysis(analysing, incidentId) });
      }
    }
    return jobs.filter(({ key }) => !busy.has(key));
  }

  #nextAtMs(): number | null {
    const times = [this.#upkeep.nextAtMs()];
    if (this.#account.connection) times.push(nextDeliveryAtMs(this.#sql), nextAnalysisAtMs(this.#sql));
    const known = times.filter((time) => time !== null);
    return known.length === 0 ? null : Math.min(...known);
  }

  /** Sees to it that the alarm comes no later than what is due next. */
  async #arm(): Promise<void> {
    if (this.#loop.active) return this.#loop.wake();
    const nextAtMs = this.#nextAtMs();
    if (nextAtMs === null) return;
    const setAtMs = await this.ctx.storage.getAlarm();
    if (setAtMs === null || nextAtMs < setAtMs)
      await this.ctx.storage.setAlarm(Math.max(nextAtMs, Date.now()));
  }

  #status(caller: Caller, webhookUrl: string) {
    const { connection } = this.#account;
    if (!connection) {
      const problem = {
        code: "credentials_unreadable",
        message: "The stored PagerDuty credentials cannot be opened with the keys in CREDENTIALS_KEYS.",
        fix: "Add the key that sealed them to CREDENTIALS_KEYS again, or disconnect and connect anew.",
      };
      return { connected: false as const, ...(this.#account.unreadable ? { problems: [problem] } : {}) };
    }
    if (!sameOrg(connection, caller)) {
      const problem = {
        code: "org_mismatch",
        message: "PagerDuty is connected for another organisation of this user.",
        fix: "Switch to that organisation, or disconnect there (or here) and connect again.",
      };
      return { connected: false as const, problems: [problem] };
    }
    return statusOf({
      connection,
      webhook: {
        url: webhookUrl,
        ...webhookTimes(this.#sql),
        rejected: this.#refusals.summary,
        subscriptionState: "active",
      },
      delivery: summarizeOutbox(this.#sql),
      nowMs: Date.now(),
    });
  }

  #connected(caller: Caller): Connection {
    const { connection } = this.#account;
    if (!connection) throw new AppError("not_connected", "Not connected");
    this.#checkOrg(caller, 403);
    return connection;
  }

  #checkOrg(caller: Caller, status: 403 | 409): void {
    const { connection } = this.#account;
    if (connection && !sameOrg(connection, caller)) {
      throw new AppError(
        "org_mismatch",
        "PagerDuty is connected for another organisation of this user. Disconnect it first.",
        { status },
      );
    }
  }

  /** What stays of the present connection when the user connects to the same account; nothing otherwise. */
  async #keepAccount(subdomain: string | null, region: Region) {
    const { connection } = this.#account;
    if (connection && !isOtherAccount(connection, subdomain, region)) {
      const { connectionId, orgId, signingSecrets, subscription } = connection;
      return { connectionId, orgId, signingSecrets, subscription };
    }
    if (connection) await this.#account.clear(connection.userId);
    return { connectionId: crypto.randomUUID(), orgId: null, signingSecrets: [], subscription: null };
  }
}

/** Unknown subdomains prove nothing. */
function isOtherAccount(connection: Connection, subdomain: string | null, region: Region): boolean {
  if (connection.region !== region) return true;
  return (
    subdomain !== null && connection.accountSubdomain !== null && subdomain !== connection.accountSubdomain
  );
}

function sameOrg(connection: Connection, caller: Caller): boolean {
  return connection.orgId === null || caller.orgId === null || connection.orgId === caller.orgId;
}
