import { DurableObject } from "cloudflare:workers";
import { type Config, configOf } from "../config.ts";
import { PagerDutyClient } from "../connection/client.ts";
import { type SigningSecret, withSecret } from "../connection/connection.ts";
import { tokenError } from "../connection/identify.ts";
import type { LoginState } from "../connection/login-state.ts";
import { PendingLogins } from "../connection/pending-logins.ts";
import { createKeyring } from "../connection/seal.ts";
import { ConnectionStore } from "../connection/store.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import { Tokens } from "../connection/tokens.ts";
import { reviveDead } from "../delivery/outbox.ts";
import { type Answer, answer } from "../errors.ts";
import type { IncidentCursor, Outcome } from "../incidents/incident.ts";
import { describe, log, setReadableLogs } from "../log.ts";
import type { Region } from "../pagerduty/region.ts";
import { Reconciler } from "../reconcile/reconciler.ts";
import { Subscribing, subscriptionView, type Wish } from "../reconcile/subscription.ts";
import { activityOf } from "../storage/activity.ts";
import { hurryHints } from "../storage/hints.ts";
import { anyIncidentId } from "../storage/incidents.ts";
import { isMigrated, migrate } from "../storage/migrations.ts";
import { firstAttemptAtMs } from "../storage/record.ts";
import { Arrivals } from "../webhooks/arrivals.ts";
import type { ReceivedWebhook } from "../webhooks/received.ts";
import { Refusals } from "../webhooks/refusals.ts";
import { type Judgement, Verifier } from "../webhooks/verify.ts";
import { type Caller, Connecting } from "./connect.ts";
import { JobRunner } from "./job-runner.ts";
import { Jobs } from "./jobs.ts";
import { Live } from "./live.ts";
import { finishSignIn, type SignInOutcome } from "./sign-in.ts";
import { statusOf } from "./status.ts";
import { Upkeep } from "./upkeep.ts";
import {
  deliveryDetail,
  deliveryPage,
  eventDetail,
  eventPage,
  incidentDetail,
  incidentPage,
  type PageFilter,
} from "./views.ts";

/** Until the alarm comes again after something that should not happen. */
const CRASH_RETRY_MS = 10_000;

/** Who asks for nobody in particular: to see whether anything changed. */
const NOBODY: Caller = { userId: "", orgId: null };

/**
 * One Aurora user: the only writer of everything that is held for the user. RPC and alarm, nothing else; what
 * they do is in the files beside this one.
 */
export class Tenant extends DurableObject<Env> {
  readonly #config: Config;
  readonly #sql: SqlStorage;
  readonly #context: TenantContext;
  readonly #store: ConnectionStore;
  readonly #tokens: Tokens;
  readonly #logins: PendingLogins;
  readonly #client: PagerDutyClient;
  readonly #connecting: Connecting;
  readonly #subscribing: Subscribing;
  readonly #reconciler: Reconciler;
  readonly #refusals: Refusals;
  #clearedWhenArmed = 0;
  readonly #upkeep: Upkeep;
  readonly #verifier: Verifier;
  readonly #arrivals: Arrivals;
  readonly #jobs: Jobs;
  readonly #live: Live;
  readonly #jobRunner: JobRunner;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { storage } = ctx;
    this.#config = configOf(env);
    setReadableLogs(this.#config.dev);
    this.#sql = storage.sql;
    this.#store = new ConnectionStore(storage, env.CONNECTIONS, createKeyring(this.#config.credentialsKeys));
    this.#tokens = new Tokens(storage, this.#store, this.#config, () => ctx.waitUntil(this.#arm()));
    this.#logins = new PendingLogins(storage);
    this.#client = new PagerDutyClient(this.#store, this.#config, this.#tokens);
    this.#context = {
      storage,
      sql: storage.sql,
      config: this.#config,
      store: this.#store,
      client: this.#client,
    };
    this.#subscribing = new Subscribing(this.#store, this.#client, () => this.#subscriptionIsMissing());
    this.#connecting = new Connecting(this.#store, this.#config, {
      removeSubscription: () => this.#subscribing.removeIfMade(),
      forgetLogins: () => this.#logins.forgetAll(),
      anyIncidentId: () => anyIncidentId(this.#sql),
    });
    this.#reconciler = new Reconciler(this.#context);
    this.#refusals = new Refusals(storage);
    this.#upkeep = new Upkeep(storage, this.#store, this.#config);
    this.#verifier = new Verifier(this.#store, this.#refusals, () => this.#subscribing.isCreating);
    this.#arrivals = new Arrivals(this.#context, this.#verifier);
    this.#jobs = new Jobs(this.#context, this.#reconciler, this.#upkeep, this.#tokens, this.#logins);
    this.#live = new Live(ctx, this.#store, () => statusOf(this.#sources(), NOBODY, ""));
    this.#jobRunner = new JobRunner(this.#live.watch(this.#jobs));
    void ctx.blockConcurrencyWhile(async () => {
      if (isMigrated(storage)) migrate(storage);
      await this.#store.open();
      this.#live.start();
    });
  }

  /** `GET /pagerduty/live`: a WebSocket. */
  override async fetch(request: Request): Promise<Response> {
    return this.#live.accept(request);
  }

  /** Nothing is asked over the socket; the runtime answers pings by itself. */
  override webSocketMessage(): void {}

  /** Answered, or the other side waits for it; 1005 and the like cannot be sent back. */
  override webSocketClose(socket: WebSocket): void {
    socket.close(1000);
  }

  /** `GET /pagerduty`. */
  async status(caller: Caller, webhookUrl: string) {
    await this.#tokens.refreshForStatus();
    if (this.#tokens.refreshFailure) await this.#arm();
    return this.#status(caller, webhookUrl);
  }

  /** For what needs no connection, but must not be told to another organisation. */
  async authorize(caller: Caller): Promise<Answer<void>> {
    return answer(() => this.#connecting.checkOrg(caller, 403));
  }

  /** `POST /pagerduty`: checks the token with PagerDuty and connects; subscribes when asked to. */
  async connectToken(
    caller: Caller,
    input: { token: string; displayName: string; region: Region | undefined; subscribe: boolean },
    webhookUrl: string,
  ) {
    return answer(async () => {
      await this.#connecting.connectToken(caller, input);
      const subscribed = input.subscribe ? await this.#trySubscribe(webhookUrl) : null;
      await this.#credentialChanged();
      return { ...this.#status(caller, webhookUrl), ...(subscribed ? { subscribed } : {}) };
    });
  }

  /** `POST /pagerduty/oauth/login`: remembers the sign-in that begins, so that it can be finished once. */
  async beginLogin(caller: Caller, id: string, expiresAtMs: number): Promise<Answer<void>> {
    return answer(async () => {
      this.#connecting.checkOrg(caller, 409);
      this.#logins.remember(id, expiresAtMs);
      await this.#arm();
    });
  }

  /** `GET /pagerduty/oauth/callback`: connects with what PagerDuty sent the browser back with. */
  async finishLogin(login: LoginState, code: string, webhookUrl: string): Promise<SignInOutcome> {
    if (!this.#logins.take(login.id, Date.now())) return "invalid";
    const outcome = await finishSignIn(this.#config, this.#connecting, login, code);
    if (outcome !== "success") return outcome;
    // The connection stands, also without the subscription; the status says what is missing.
    if (login.subscribe) await this.#trySubscribe(webhookUrl);
    await this.#credentialChanged();
    return "success";
  }

  /** `PATCH /pagerduty`: another token of the same account. */
  async rotate(caller: Caller, token: string, webhookUrl: string) {
    return answer(async () => {
      await this.#connecting.rotate(caller, token);
      await this.#credentialChanged();
      return this.#status(caller, webhookUrl);
    });
  }

  /** `DELETE /pagerduty`: forgets everything about the user. @returns how many connections there were */
  async disconnect(caller: Caller): Promise<{ deleted: number; subscriptionDeleted: boolean | null }> {
    const result = await this.#connecting.disconnect();
    if (result.deleted > 0) log.info("connection.removed", { userId: caller.userId });
    await this.#arm();
    return result;
  }

  /** A credential that is new may reach what the one before could not. */
  async #credentialChanged(): Promise<void> {
    // Disconnected while it was subscribed: there is nothing left to look after.
    if (!this.#store.connection) return;
    hurryHints(this.#sql, Date.now());
    this.#reconciler.expectGap(Date.now());
    await this.#arm();
  }

  /** Subscribing on the way of connecting: the connection stands even when PagerDuty says no. */
  async #trySubscribe(webhookUrl: string) {
    const tried = await answer(() => this.#subscribing.ensure(webhookUrl, { filter: null, events: null }));
    if (tried.ok) return { id: tried.value.subscription.id, error: null };
    return { id: null, error: tried.failure.message };
  }

  /** `POST /pagerduty/subscription`. */
  async subscribe(caller: Caller, webhookUrl: string, wish: Wish) {
    return answer(async () => {
      this.#connecting.connected(caller);
      const { created, subscription } = await this.#subscribing.ensure(webhookUrl, wish);
      this.#reconciler.noteState(subscription.state);
      if (created) {
        this.#refusals.clear();
        this.#reconciler.expectGap(Date.now());
      }
      await this.#arm();
      return { created, subscription: subscriptionView(subscription) };
    });
  }

  /** `GET /pagerduty/subscription`. */
  async subscription(caller: Caller) {
    return answer(async () => {
      this.#connecting.connected(caller);
      const subscription = await this.#subscribing.current();
      this.#reconciler.noteState(subscription.state);
      return subscriptionView(subscription);
    });
  }

  /** PagerDuty says that it has no such subscription: seen in the status at once. */
  #subscriptionIsMissing(): void {
    this.#reconciler.noteState("missing");
    this.#live.changed();
  }

  /** `DELETE /pagerduty/subscription`. */
  async unsubscribe(caller: Caller): Promise<Answer<void>> {
    return answer(async () => {
      this.#connecting.connected(caller);
      await this.#subscribing.remove();
      this.#reconciler.noteState("active");
      await this.#arm();
    });
  }

  /** `POST /pagerduty/subscription/ping`. */
  async ping(caller: Caller): Promise<Answer<void>> {
    return answer(async () => {
      this.#connecting.connected(caller);
      await this.#subscribing.ping();
    });
  }

  /** `POST /pagerduty/subscription/enable`. */
  async enable(caller: Caller) {
    return answer(async () => {
      this.#connecting.connected(caller);
      const subscription = await this.#subscribing.enable();
      this.#reconciler.noteState(subscription.state);
      this.#reconciler.expectGap(Date.now());
      await this.#arm();
      return subscriptionView(subscription);
    });
  }

  /** `POST /pagerduty/reconcile`. */
  async reconcile(caller: Caller, webhookUrl: string) {
    return answer(async () => {
      this.#connecting.connected(caller);
      this.#reconciler.noteUrl(webhookUrl);
      const { problem, ...result } = await this.#reconciler.check(true);
      await this.#arm();
      if (problem && problem.problem !== "not_connected") throw tokenError(problem);
      return result;
    });
  }

  /** `PUT /pagerduty/signing-secret`. The one before stays valid for a day. */
  async addSigningSecret(caller: Caller, secret: string): Promise<Answer<void>> {
    return answer(async () => {
      this.#connecting.connected(caller);
      const added: SigningSecret = {
        id: crypto.randomUUID(),
        secret,
        subscriptionId: null,
        expiresAtMs: null,
      };
      await this.#store.update((connection) => ({
        ...connection,
        signingSecrets: withSecret(connection.signingSecrets, added, Date.now()),
      }));
      if (this.#refusals.summary.count > 0) this.#reconciler.expectGap(Date.now());
      this.#refusals.clear();
      await this.#arm();
    });
  }

  /** `DELETE /pagerduty/signing-secret`. @returns how many there were */
  async removeSigningSecrets(caller: Caller): Promise<Answer<number>> {
    return answer(async () => {
      const count = this.#connecting.connected(caller).signingSecrets.length;
      await this.#store.update((connection) => ({ ...connection, signingSecrets: [] }));
      await this.#arm();
      return count;
    });
  }

  /**
   * For the edge, when its copy says no: what counts here, now, and the sealed connection to remember. A
   * refusal is counted.
   */
  async judge(signatureHeader: string | null, body: Uint8Array<ArrayBuffer>): Promise<Judgement> {
    const judgement = await this.#verifier.judge(signatureHeader, body);
    if (judgement.verdict === "refused") this.#live.changed();
    return judgement;
  }

  /**
   * Takes in what the edge accepted, each webhook by itself: one that fails does not hold up the others.
   * @returns one outcome for each, `failed` for those to be tried again
   */
  async ingest(webhooks: ReceivedWebhook[]): Promise<Outcome[]> {
    const outcomes = await this.#arrivals.takeAll(webhooks);
    await this.#arm();
    return outcomes;
  }

  /** From the dead-letter queue: tried for the last time, else kept until somebody asks for another try. */
  async park(webhooks: ReceivedWebhook[]): Promise<void> {
    await this.#arrivals.parkAll(webhooks);
    await this.#arm();
  }

  /** `POST /pagerduty/events/retry`: tries again what could not be processed. @returns how many worked */
  async retryEvents(caller: Caller, webhookIds: string[] | null): Promise<Answer<number>> {
    return answer(async () => {
      const { connectionId, userId } = this.#connecting.connected(caller);
      const worked = await this.#arrivals.retry(webhookIds, { connectionId, userId });
      await this.#arm();
      return worked;
    });
  }

  /** `GET /pagerduty/incidents`. */
  async incidents(
    caller: Caller,
    filter: { status: "investigating" | "resolved" | null; limit: number; after: IncidentCursor | null },
  ) {
    return this.#read(caller, () => incidentPage(this.#sql, filter));
  }

  /** `GET /pagerduty/incidents/{incidentId}`. */
  async incident(caller: Caller, incidentId: string) {
    return this.#read(caller, () => incidentDetail(this.#sql, incidentId));
  }

  /** `GET /pagerduty/events`. */
  async events(caller: Caller, filter: PageFilter) {
    return this.#read(caller, () => eventPage(this.#sql, filter));
  }

  /** `GET /pagerduty/events/{webhookId}`. */
  async event(caller: Caller, webhookId: string) {
    return this.#read(caller, () => eventDetail(this.#sql, webhookId));
  }

  /** `GET /pagerduty/activity`. */
  async activity(caller: Caller) {
    return this.#read(caller, () => activityOf(this.#sql, Date.now()));
  }

  /** `GET /pagerduty/deliveries`. */
  async deliveries(caller: Caller, filter: PageFilter & { state: "pending" | "delivered" | "dead" | null }) {
    return this.#read(caller, () => deliveryPage(this.#sql, filter));
  }

  /** `GET /pagerduty/deliveries/{id}` */
  async delivery(caller: Caller, messageId: string) {
    return this.#read(caller, () => deliveryDetail(this.#context, messageId));
  }

  #read<T>(caller: Caller, work: () => T): Promise<Answer<T>> {
    return answer(() => {
      this.#connecting.connected(caller);
      return work();
    });
  }

  /** `POST /pagerduty/deliveries/redeliver`. @returns how many dead ones are tried again */
  async redeliver(caller: Caller, ids: string[] | null): Promise<Answer<number>> {
    return answer(async () => {
      this.#connecting.connected(caller);
      const nowMs = Date.now();
      const revived = this.ctx.storage.transactionSync(() =>
        reviveDead(this.#sql, ids, firstAttemptAtMs(this.#config, nowMs) ?? nowMs),
      );
      await this.#arm();
      return revived;
    });
  }

  override async alarm(): Promise<void> {
    let nextAtMs: number | null;
    try {
      nextAtMs = await this.#jobRunner.run();
    } catch (error) {
      // An alarm that throws is given up on after a few tries; this one has to come back.
      log.error("alarm.crashed", { userId: this.#store.connection?.userId, error: describe(error) });
      nextAtMs = Date.now() + CRASH_RETRY_MS;
    }
    log.info("alarm.ran", {
      userId: this.#store.connection?.userId,
      nextInMs: nextAtMs === null ? null : Math.max(0, nextAtMs - Date.now()),
    });
    if (nextAtMs !== null) await this.ctx.storage.setAlarm(Math.max(nextAtMs, Date.now()));
  }

  /** After every change: tells who watches, and sees to it that the alarm comes no later than what is due next. */
  async #arm(): Promise<void> {
    this.#live.changed();
    if (this.#jobRunner.active) {
      // With everything else the alarm went that would come again after a crash of what is running now.
      if (this.#clearedWhenArmed !== this.#store.cleared && this.#store.connection) {
        this.#clearedWhenArmed = this.#store.cleared;
        await this.ctx.storage.setAlarm(Date.now() + CRASH_RETRY_MS);
      }
      return this.#jobRunner.wake();
    }
    const nextAtMs = this.#jobs.nextAtMs(Number.NEGATIVE_INFINITY);
    if (nextAtMs === null) return;
    const setAtMs = await this.ctx.storage.getAlarm();
    if (setAtMs === null || nextAtMs < setAtMs)
      await this.ctx.storage.setAlarm(Math.max(nextAtMs, Date.now()));
  }

  /** How everything stands, for a caller who knows the webhook URL; the guardian remembers it for the alarm. */
  #status(caller: Caller, webhookUrl: string) {
    if (this.#store.connection) this.#reconciler.noteUrl(webhookUrl);
    return statusOf(this.#sources(), caller, webhookUrl);
  }

  #sources() {
    const { storage } = this.ctx;
    return { storage, store: this.#store, tokens: this.#tokens, refusals: this.#refusals };
  }
}
