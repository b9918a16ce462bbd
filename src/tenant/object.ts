import { DurableObject } from "cloudflare:workers";
import { tokenError } from "../connection/identify.ts";
import type { LoginState } from "../connection/login-state.ts";
import { type Redelivery, redeliver, redeliveryProgress, stopRedelivery } from "../delivery/redelivery.ts";
import { type Answer, answer } from "../errors.ts";
import { log } from "../log.ts";
import type { NoteRequest } from "../notes/outbox.ts";
import type { Subscription } from "../pagerduty/subscriptions.ts";
import type { SubscriptionOptions } from "../reconcile/event-types.ts";
import { subscriptionView } from "../reconcile/subscription-answers.ts";
import { type Caller, tenantIdOf } from "../tenant-id.ts";
import type { Judgement, Question } from "../webhooks/decision.ts";
import type { Taken } from "../webhooks/intake.ts";
import type { ReceivedWebhook } from "../webhooks/received.ts";
import type { TokenInput } from "./connect.ts";
import type { MembershipChange } from "./memberships.ts";
import { TenantRuntime } from "./runtime.ts";
import { finishSignIn, type SignInOutcome } from "./sign-in.ts";
import * as views from "./views.ts";

/**
 * One tenant: an Aurora organisation, or a user who has no organisation. The object is the only writer of the tenant's
 * data. This class only has the RPC methods and the alarm; other files and folders do the work.
 */
export class Tenant extends DurableObject<Env> {
  readonly #runtime: TenantRuntime;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#runtime = new TenantRuntime(ctx, env, (tenantId) => env.TENANT.getByName(tenantId));
    void ctx.blockConcurrencyWhile(() => this.#runtime.open());
  }

  /** `GET /pagerduty/live`: accepts a WebSocket. */
  override async fetch(request: Request): Promise<Response> {
    return this.#runtime.live.accept(request);
  }

  /** Ignores messages: consoles only send pings, which the Workers runtime answers itself. */
  override webSocketMessage(): void {}

  /** Answers a close frame with 1000, because received codes such as 1005 cannot be sent back. */
  override webSocketClose(socket: WebSocket): void {
    socket.close(1000);
  }

  /** `GET /pagerduty`. */
  async status(caller: Caller, webhookUrl: string) {
    await this.#runtime.members.note(caller);
    if (this.#runtime.context.store.connection) this.#runtime.reconciler.noteUrl(webhookUrl);
    await this.#runtime.tokens.refreshForStatus();
    await this.#runtime.arm();
    return this.#runtime.status(webhookUrl);
  }

  /** Called before a webhook URL is shown to the caller, so that the URL leads to this tenant. */
  async noteMember(caller: Caller): Promise<void> {
    await this.#runtime.members.note(caller);
  }

  /** `POST /pagerduty`. */
  async connectToken(caller: Caller, input: TokenInput & { subscribe: boolean }, webhookUrl: string) {
    return answer(async () => {
      await this.#runtime.members.note(caller);
      await this.#runtime.connecting.connectToken(caller, input);
      const subscribed = input.subscribe ? await this.#runtime.subscribing.tryEnsure(webhookUrl) : null;
      await this.#runtime.credentialChanged("connect", caller, webhookUrl);
      return { ...this.#runtime.status(webhookUrl), ...(subscribed ? { subscribed } : {}) };
    });
  }

  /** `POST /pagerduty/oauth/login`: stores the sign-in's id, so that the sign-in can be finished once. */
  async beginLogin(caller: Caller, id: string, expiresAtMs: number): Promise<Answer<void>> {
    return answer(async () => {
      await this.#runtime.members.note(caller);
      this.#runtime.logins.remember(id, expiresAtMs);
      await this.#runtime.changed();
    });
  }

  /** `GET /pagerduty/oauth/callback`. */
  async finishLogin(login: LoginState, code: string, webhookUrl: string): Promise<SignInOutcome> {
    if (!this.#runtime.logins.take(login.id, Date.now())) return "invalid";
    const outcome = await finishSignIn(this.#runtime.context.config, this.#runtime.connecting, login, code);
    if (outcome !== "success") return outcome;
    // If no subscription can be created, the connection stays; the status shows the problem.
    if (login.subscribe) await this.#runtime.subscribing.tryEnsure(webhookUrl);
    await this.#runtime.credentialChanged("connect", login, webhookUrl);
    return "success";
  }

  /** `PATCH /pagerduty`. */
  async rotate(caller: Caller, token: string, webhookUrl: string) {
    return this.#runtime.asMember(caller, async () => {
      await this.#runtime.connecting.rotate(caller, token);
      await this.#runtime.credentialChanged("rotate", caller, webhookUrl);
      return this.#runtime.status(webhookUrl);
    });
  }

  /** `DELETE /pagerduty`. @returns `deleted`: how many connections were removed */
  async disconnect(caller: Caller): Promise<{ deleted: number; subscriptionDeleted: boolean | null }> {
    const result = await this.#runtime.connecting.disconnect(caller);
    if (result.deleted > 0) log.info("connection.removed", { ...caller });
    await this.#runtime.changed();
    return result;
  }

  /** `POST /pagerduty/subscription`. */
  async subscribe(caller: Caller, webhookUrl: string, options: SubscriptionOptions) {
    return this.#runtime.asMember(caller, async () => {
      const { created, subscription } = await this.#runtime.subscribing.ensure(webhookUrl, options);
      if (created) {
        this.#runtime.refusals.clear();
        this.#runtime.reconciler.expectGap(Date.now());
      }
      return { created, subscription: this.#noted(subscription) };
    });
  }

  #noted(subscription: Subscription) {
    this.#runtime.reconciler.noteState(subscription.state);
    return subscriptionView(subscription);
  }

  /** `GET /pagerduty/subscription`. */
  async subscription(caller: Caller) {
    return this.#runtime.asMember(caller, async () => this.#noted(await this.#runtime.subscribing.current()));
  }

  /** `DELETE /pagerduty/subscription`. */
  async unsubscribe(caller: Caller): Promise<Answer<void>> {
    return this.#runtime.asMember(caller, async () => {
      await this.#runtime.subscribing.remove();
      this.#runtime.reconciler.noteState("active");
    });
  }

  /** `POST /pagerduty/subscription/ping`. */
  async ping(caller: Caller): Promise<Answer<void>> {
    return this.#runtime.asMember(caller, () => this.#runtime.subscribing.ping());
  }

  /** `POST /pagerduty/subscription/enable`. */
  async enable(caller: Caller) {
    return this.#runtime.asMember(caller, async () => {
      const subscription = this.#noted(await this.#runtime.subscribing.enable());
      this.#runtime.reconciler.expectGap(Date.now());
      return subscription;
    });
  }

  /** `POST /pagerduty/reconcile`. */
  async reconcile(caller: Caller, webhookUrl: string) {
    return this.#runtime.asMember(caller, async () => {
      this.#runtime.reconciler.noteUrl(webhookUrl);
      const { problem, ...result } = await this.#runtime.reconciler.check(true);
      this.#runtime.mirror.check();
      if (problem && problem.problem !== "not_connected") throw tokenError(problem);
      return result;
    });
  }

  /** `PUT /pagerduty/signing-secret`. */
  async addSigningSecret(caller: Caller, secret: string): Promise<Answer<void>> {
    return this.#runtime.asMember(caller, async () => {
      await this.#runtime.connecting.addSigningSecret(secret);
      if (this.#runtime.refusals.summary.count > 0) this.#runtime.reconciler.expectGap(Date.now());
      this.#runtime.refusals.clear();
    });
  }

  /** `DELETE /pagerduty/signing-secret`. @returns how many secrets were removed */
  async removeSigningSecrets(caller: Caller): Promise<Answer<number>> {
    return this.#runtime.asMember(caller, () => this.#runtime.connecting.removeSigningSecrets());
  }

  /** Verifies a webhook with this tenant's signing secrets, because the edge's copy of them may be out of date. */
  async judge(question: Question): Promise<Judgement> {
    return this.#runtime.verifier.judge(question);
  }

  /** On a user's object: verifies a webhook, and returns the organisations that the user's webhook URL leads to. */
  async judgeForUser(question: Question): Promise<{ organisations: string[]; own: Judgement }> {
    const own = await this.#runtime.verifier.judge(question);
    return { organisations: this.#runtime.memberships.tenantIds, own };
  }

  /** Returns the subscription's id, and on a user's object the organisations that the user's webhook URL leads to. */
  async heldSubscription() {
    const { context, memberships } = this.#runtime;
    return { id: context.store.connection?.subscription?.id, organisations: memberships.tenantIds };
  }

  /** Counts a webhook that the edge refused. @param reason completes "3 webhooks were refused: …" */
  async countRefusal(reason: string): Promise<void> {
    if (!this.#runtime.context.store.connection) return;
    this.#runtime.refusals.count(reason, Date.now());
    this.#runtime.reconciler.noteRefusal(Date.now());
    await this.#runtime.changed();
  }

  /** On a user's object: applies a change that an organisation's object makes. */
  async changeMembership(change: MembershipChange): Promise<void> {
    await this.#runtime.memberships.apply(change);
    await this.#runtime.arm();
  }

  /** On an organisation's object: called when the user's webhook URL no longer leads to the organisation. */
  async forgetMember(userId: string): Promise<void> {
    this.#runtime.members.forget(userId);
  }

  /** @returns one outcome for each webhook; the caller retries the `failed` webhooks */
  async ingest(webhooks: ReceivedWebhook[]): Promise<Taken[]> {
    const outcomes = await this.#runtime.intake.takeAll(webhooks);
    await this.#runtime.startJobs();
    return outcomes;
  }

  /** For the dead-letter queue: stores webhooks that fail again, so that a person can retry them. */
  async park(webhooks: ReceivedWebhook[]): Promise<Taken[]> {
    const outcomes = await this.#runtime.parked.parkAll(webhooks);
    await this.#runtime.changed();
    return outcomes;
  }

  /** `POST /pagerduty/events/retry`. @returns how many webhooks were processed */
  async retryEvents(caller: Caller, webhookIds: string[] | null): Promise<Answer<number>> {
    return this.#runtime.asMember(caller, ({ connectionId, userId }) =>
      this.#runtime.parked.retry(webhookIds, { tenantId: tenantIdOf(caller), connectionId, userId }),
    );
  }

  /** `GET /pagerduty/incidents`. */
  async incidents(caller: Caller, filter: views.IncidentQuery) {
    return this.#runtime.read(caller, ({ sql }) => views.incidentPage(sql, filter));
  }

  /** `GET /pagerduty/incidents/{incidentId}`. */
  async incident(caller: Caller, incidentId: string) {
    return this.#runtime.read(caller, ({ sql }) => views.incidentDetail(sql, incidentId));
  }

  /** `POST /pagerduty/incidents/{incidentId}/notes`. @returns the note's id */
  async writeNote(caller: Caller, incidentId: string, request: NoteRequest): Promise<Answer<string>> {
    return this.#runtime.asMember(caller, (connection) =>
      this.#runtime.notes.request(caller.userId, connection, incidentId, request),
    );
  }

  /** `GET /pagerduty/incidents/{incidentId}/notes`. */
  async notes(caller: Caller, incidentId: string, page: views.NotePage) {
    return this.#runtime.read(caller, ({ sql }) => views.notePage(sql, incidentId, page));
  }

  /** `GET /pagerduty/events`. */
  async events(caller: Caller, filter: views.EventQuery) {
    return this.#runtime.read(caller, ({ sql }) => views.eventPage(sql, filter));
  }

  /** `GET /pagerduty/events/{webhookId}`. */
  async event(caller: Caller, webhookId: string) {
    return this.#runtime.read(caller, ({ sql }) => views.eventDetail(sql, webhookId));
  }

  /** `GET /pagerduty/activity`. */
  async activity(caller: Caller) {
    return this.#runtime.read(caller, ({ sql }) => views.activity(sql, this.#runtime.refusals.byHour));
  }

  /** `GET /pagerduty/deliveries`. */
  async deliveries(caller: Caller, filter: views.DeliveryQuery) {
    return this.#runtime.read(caller, ({ sql }) => views.deliveryPage(sql, filter));
  }

  /** `GET /pagerduty/deliveries/{id}` */
  async delivery(caller: Caller, id: string) {
    return this.#runtime.read(caller, (context) => views.deliveryDetail(context, id));
  }

  /** `POST /pagerduty/deliveries/redeliver`. @returns how many deliveries are retried */
  async redeliver(caller: Caller, which: Redelivery): Promise<Answer<number>> {
    return this.#runtime.asMember(caller, async () => redeliver(this.#runtime.context, which, Date.now()));
  }

  /** `GET /pagerduty/deliveries/redeliver`. */
  async redelivery(caller: Caller) {
    return this.#runtime.read(caller, ({ sql }) => redeliveryProgress(sql));
  }

  /** `DELETE /pagerduty/deliveries/redeliver`. @returns how many deliveries are dead again */
  async stopRedelivery(caller: Caller): Promise<Answer<number>> {
    return this.#runtime.asMember(caller, () => stopRedelivery(this.#runtime.context, Date.now()));
  }

  override async alarm(): Promise<void> {
    await this.#runtime.alarm();
  }
}
