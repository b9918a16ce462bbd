import { ContextCollector } from "../analysis/context.ts";
import { AuroraBackend } from "../aurora/backend.ts";
import { type AuroraTarget, auroraTarget } from "../aurora/calls.ts";
import { Mirror } from "../aurora/mirror.ts";
import { configOf } from "../config.ts";
import { PagerDutyClient } from "../connection/client.ts";
import type { Connection } from "../connection/connection.ts";
import { Gate } from "../connection/gate.ts";
import { PendingLogins } from "../connection/pending-logins.ts";
import { createKeyring } from "../connection/seal.ts";
import { ConnectionStore } from "../connection/store.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import { Tokens } from "../connection/tokens.ts";
import { type Answer, answer } from "../errors.ts";
import { setReadableLogs } from "../log.ts";
import { NoteOutbox } from "../notes/outbox.ts";
import { MAX_CHECK_CALLS } from "../reconcile/missed-incidents.ts";
import { Reconciler } from "../reconcile/reconciler.ts";
import { SubscriptionManager } from "../reconcile/subscription.ts";
import { leadsToSame, type Ownership } from "../reconcile/webhook-url.ts";
import { retryHintsEarly } from "../storage/hints.ts";
import { anyIncidentId } from "../storage/lists/incident-list.ts";
import { isMigrated, migrate } from "../storage/migrations.ts";
import type { Caller } from "../tenant-id.ts";
import { Intake } from "../webhooks/intake.ts";
import { ParkedWebhooks } from "../webhooks/parked.ts";
import { Refusals } from "../webhooks/refusals.ts";
import { Verifier } from "../webhooks/verify.ts";
import { Alarm } from "./alarm.ts";
import { Connecting } from "./connect.ts";
import { JobRunner } from "./job-runner.ts";
import {
  AnalysisJobs,
  allOf,
  contextJobs,
  DeliveryJobs,
  hintJobs,
  noteJobs,
  timedJob,
  whileConnected,
} from "./jobs.ts";
import { Live } from "./live.ts";
import { Members, type UserObject } from "./members.ts";
import { Memberships, type OrganisationObject } from "./memberships.ts";
import { nextPruneAtMs, prune } from "./retention.ts";
import { statusOf } from "./status.ts";

/** Creates the parts of a tenant's object. After each call, sets the alarm and sends changes to open consoles. */
export class TenantRuntime {
  readonly #alarm: Alarm;
  readonly #aurora: AuroraTarget;
  readonly context: TenantContext;
  readonly tokens: Tokens;
  readonly logins: PendingLogins;
  readonly connecting: Connecting;
  readonly subscribing: SubscriptionManager;
  readonly reconciler: Reconciler;
  readonly refusals: Refusals;
  readonly verifier: Verifier;
  readonly intake: Intake;
  readonly parked: ParkedWebhooks;
  readonly members: Members;
  readonly memberships: Memberships;
  readonly mirror: Mirror;
  readonly notes: NoteOutbox;
  readonly live: Live;

  constructor(
    ctx: DurableObjectState,
    env: Env,
    objectOf: (tenantId: string) => UserObject & OrganisationObject,
  ) {
    const { storage } = ctx;
    const config = configOf(env);
    setReadableLogs(config.dev);
    this.#aurora = auroraTarget(env, config);
    this.members = new Members(storage, objectOf);
    this.memberships = new Memberships(storage, env.CONNECTIONS, objectOf);
    const store = new ConnectionStore(storage, env.CONNECTIONS, createKeyring(config.credentialsKeys), () => [
      ...this.members.storedKeys(),
      ...this.memberships.storedKeys(),
    ]);
    const gate = new Gate();
    this.tokens = new Tokens(storage, store, config, gate, () => ctx.waitUntil(this.changed()));
    this.logins = new PendingLogins(storage);
    const client = new PagerDutyClient(store, config, this.tokens, gate);
    this.context = {
      storage,
      sql: storage.sql,
      config,
      store,
      client,
      connectedUser: () => store.connection?.userId ?? null,
    };
    this.mirror = new Mirror(storage, store, AuroraBackend.of(env, config));
    const ownership: Ownership = {
      leadsHere: (other, url) => leadsToSame(other, url, (userId) => this.members.has(userId)),
      isTaken: (subscription) => this.members.areOthersUsing(subscription, store.tenantId),
    };
    this.subscribing = new SubscriptionManager(store, client, ownership, {
      noteMissing: () => this.#subscriptionIsMissing(),
      areWebhooksRefused: () => this.refusals.summary.count > 0,
    });
    this.connecting = new Connecting(store, config, {
      removeSubscription: () => this.subscribing.removeIfMade(),
      forgetLogins: () => this.logins.forgetAll(),
      anyIncidentId: () => anyIncidentId(storage.sql),
      noteDisconnect: (caller) => this.mirror.note("disconnect", caller),
    });
    this.reconciler = new Reconciler(this.context, ownership);
    this.notes = new NoteOutbox(this.context);
    this.refusals = new Refusals(storage);
    this.verifier = new Verifier(store, () => this.subscribing.isCreating);
    this.intake = new Intake(this.context, this.verifier, () => this.reconciler.expectGap(Date.now()));
    this.parked = new ParkedWebhooks(this.context, this.verifier, this.intake);
    this.live = new Live(ctx, store, () => this.status(""));
    const jobRunner = new JobRunner(this.live.watch(allOf(this.#jobSources())));
    this.#alarm = new Alarm(ctx, jobRunner, () => store.tenantId);
  }

  /** Loads the stored state before any call or alarm runs. */
  async open(): Promise<void> {
    const { storage, store } = this.context;
    if (isMigrated(storage)) migrate(storage);
    await store.open();
    if (store.connection) this.reconciler.resume(await storage.getAlarm());
    this.live.start();
  }

  #jobSources() {
    const context = this.context;
    const memberReplica = this.memberships.replica;
    const analysis = { ...context, contexts: new ContextCollector(context) };
    const connected = [
      new DeliveryJobs({ ...analysis, aurora: this.#aurora }),
      contextJobs(analysis),
      new AnalysisJobs(analysis),
      hintJobs(context),
      noteJobs(context, this.notes),
      timedJob(
        "reconcile",
        MAX_CHECK_CALLS,
        () => this.reconciler.nextAtMs,
        async () => {
          await this.reconciler.check();
          // `check` may have found a different subscription.
          await this.members.notePinned(context.store);
          this.mirror.check();
        },
      ),
    ].map((source) => whileConnected(context, source));
    return [
      ...connected,
      timedJob(
        "tokens",
        1,
        () => this.tokens.nextAtMs,
        () => this.tokens.refreshIfDue(),
      ),
      timedJob(
        "logins",
        0,
        () => this.logins.nextAtMs,
        async () => this.logins.forgetExpired(Date.now()),
      ),
      timedJob(
        "connection replica",
        1,
        () => context.store.replica.nextAtMs,
        () => context.store.replica.sync(),
      ),
      timedJob(
        "member replica",
        1,
        () => memberReplica.nextAtMs,
        () => memberReplica.sync(),
      ),
      timedJob(
        "mirror",
        2,
        () => this.mirror.nextAtMs,
        () => this.mirror.run(),
      ),
      timedJob(
        "prune",
        0,
        () => nextPruneAtMs(context),
        async () => prune(context),
      ),
    ];
  }

  #subscriptionIsMissing(): void {
    this.reconciler.noteState("missing");
    this.live.changed();
  }

  /** `GET /pagerduty`. */
  status(webhookUrl: string) {
    const { storage, store, config } = this.context;
    const { tokens, refusals, mirror } = this;
    return statusOf({ storage, store, config, tokens, refusals, mirror }, webhookUrl);
  }

  /** Plans a check for missed incidents, because the new credential may read more than the previous one. */
  async credentialChanged(change: "connect" | "rotate", caller: Caller, webhookUrl: string): Promise<void> {
    if (!this.context.store.connection) return;
    this.mirror.note(change, { userId: caller.userId, orgId: caller.orgId });
    this.reconciler.noteUrl(webhookUrl);
    retryHintsEarly(this.context.sql, Date.now());
    this.reconciler.expectGap(Date.now());
    await this.changed();
  }

  async alarm(): Promise<void> {
    await this.#alarm.run();
  }

  async startJobs(): Promise<void> {
    this.live.changed();
    await this.#alarm.startJobs();
  }

  /** Runs `work` for a member of the tenant, then `changed`. */
  async asMember<T>(caller: Caller, work: (connection: Connection) => T | Promise<T>): Promise<Answer<T>> {
    return answer(async () => {
      await this.members.note(caller);
      const connection = this.connecting.connected();
      try {
        return await work(connection);
      } finally {
        // Runs after a failed call, too: the call may have changed the time of the next job.
        await this.changed();
      }
    });
  }

  /** Runs `work`, which only reads, for a member of the tenant. Also sets the alarm, in case the alarm was lost. */
  async read<T>(caller: Caller, work: (context: TenantContext) => T): Promise<Answer<T>> {
    return answer(async () => {
      await this.members.note(caller);
      this.connecting.connected();
      const value = work(this.context);
      await this.arm();
      return value;
    });
  }

  /** Call this after every change. */
  async changed(): Promise<void> {
    this.live.changed();
    await this.members.notePinned(this.context.store);
    await this.arm();
  }

  async arm(): Promise<void> {
    await this.#alarm.arm();
  }
}
