import type { CallAnswer } from "../connection/client.ts";
import type { OwnSubscription } from "../connection/connection.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import type { CallProblem } from "../connection/tokens.ts";
import { mayWrite } from "../connection/write-access.ts";
import { log } from "../log.ts";
import { enableSubscription, getSubscription, type Subscription } from "../pagerduty/subscriptions.ts";
import { appendEntry } from "../storage/journal.ts";
import { addMissingEvents, missingEvents, rememberRefused } from "./event-types.ts";
import { recover } from "./missed-incidents.ts";
import { ourSubscription } from "./our-subscription.ts";
import { readWatch, updateWatch, type Watch } from "./watch.ts";
import type { Ownership } from "./webhook-url.ts";

/**
 * Checks the webhook subscription and recovers missed incidents. PagerDuty disables a subscription for a day after
 * three refused webhooks in a row, and tells nobody. A check enables the subscription again.
 */

/** How soon the next check starts if PagerDuty was unavailable. */
const RETRY_MS = 60_000;
/** Refused webhooks start checks at most this often, because strangers can post to every webhook URL. */
const REFUSAL_CHECK_MS = 60_000;
/** A check that reached its limit of time or calls continues after this pause. Other jobs run during the pause. */
const GO_ON_MS = 500;
/** The pause of a check that a person asked for. Usually the person's client continues the check sooner. */
const ASKED_GO_ON_MS = 10_000;
/** If more than this many checks in a row found nothing wrong and nothing new, the next check is an hour later. */
const QUIET_CHECKS = 2;
const QUIET_WAIT_MS = 3600 * 1000;
/** How many calls one check may make to add event types. */
const MAX_EVENT_CALLS = 4;

export interface Reconciled {
  checked: number;
  recovered: number;
  problem: CallProblem | null;
  subscription: { id: string; state: Watch["state"] } | null;
  /** Whether the check reached its limit of time or calls. The next call of `check` then continues it. */
  unfinished: boolean;
}

export class Reconciler {
  readonly #context: TenantContext;
  readonly #ownership: Ownership;
  /** The ids of incidents that the present check has looked at, also in its earlier runs. */
  readonly #seen = new Set<string>();
  #running: Promise<Reconciled> | null = null;
  #next: Promise<Reconciled> | null = null;
  /** Whether a person asked for the next check. */
  #asked = false;
  /** How soon the next check must follow the running check; infinite for the usual wait. */
  #followsWithinMs = Number.POSITIVE_INFINITY;
  /** In a quiet period, the due time of the next check. Null if `Watch.nextAtMs` has the due time. */
  #quietUntilMs: number | null = null;
  /** The due time of the last check that a refused webhook caused. */
  #refusalCheckAtMs = 0;

  constructor(context: TenantContext, ownership: Ownership) {
    this.#context = context;
    this.#ownership = ownership;
  }

  get #watch(): Watch {
    return readWatch(this.#context.storage);
  }

  #remember(change: Partial<Watch>): void {
    updateWatch(this.#context.storage, change);
  }

  /** When the next check is due; null if checks are off. */
  get nextAtMs(): number | null {
    if (this.#context.config.reconcileEveryMs === 0) return null;
    // If checks were off when the user connected, no time is stored, and the first check is due at once.
    return this.#quietUntilMs ?? this.#watch.nextAtMs ?? 0;
  }

  /** In a quiet period, takes the next check's time from the alarm, because nothing else stores this time. */
  resume(alarmAtMs: number | null): void {
    if (this.#watch.quietChecks >= QUIET_CHECKS && alarmAtMs !== null && alarmAtMs > Date.now()) {
      this.#quietUntilMs = alarmAtMs;
    }
  }

  #checkAt(atMs: number): void {
    this.#quietUntilMs = null;
    this.#remember({ nextAtMs: atMs, quietChecks: 0 });
  }

  /** Makes a check due at once, because some webhooks may have been missed. */
  expectGap(nowMs: number): void {
    if (this.#context.config.reconcileEveryMs === 0) return;
    this.#followsWithinMs = 0;
    this.#checkAt(nowMs);
  }

  /** Makes a check due soon, because PagerDuty disables the subscription after three refused webhooks in a row. */
  noteRefusal(nowMs: number): void {
    if (this.#context.config.reconcileEveryMs === 0) return;
    if (this.#running) this.#followsWithinMs = Math.min(this.#followsWithinMs, REFUSAL_CHECK_MS);
    const dueAtMs = Math.max(nowMs, this.#refusalCheckAtMs + REFUSAL_CHECK_MS);
    if ((this.nextAtMs ?? 0) <= dueAtMs) return;
    this.#refusalCheckAtMs = dueAtMs;
    this.#checkAt(dueAtMs);
  }

  /** Stores the webhook URL of a request, because a check that the alarm starts has no request. */
  noteUrl(url: string): void {
    this.#remember({ url });
  }

  /** Stores the subscription's state, which PagerDuty has just returned. */
  noteState(state: Watch["state"]): void {
    const missingAtMs = state === "missing" ? (this.#watch.missingAtMs ?? Date.now()) : null;
    this.#remember({ state, missingAtMs });
  }

  /**
   * Checks the subscription, then searches for missed incidents. Only one check runs at a time. Calls during a check
   * share the next check, because the running check may miss events that occur after its start.
   */
  async check(asked = false): Promise<Reconciled> {
    this.#asked ||= asked;
    if (!this.#running) {
      this.#running = this.#check().finally(() => {
        this.#running = null;
      });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.check();
      });
    return this.#next;
  }

  async #check(): Promise<Reconciled> {
    const { store, config } = this.#context;
    const connectionId = store.connection?.connectionId;
    this.#followsWithinMs = Number.POSITIVE_INFINITY;
    const asked = this.#asked;
    this.#asked = false;
    const subscription = await this.#checkSubscription();
    const own = store.connection?.subscription;
    const filter = own ? this.#watch.filter : null;
    const result = await recover(this.#context, filter, asked, Date.now(), this.#seen);
    const state = this.#watch.state;
    if (store.connection?.connectionId === connectionId && connectionId !== undefined) {
      const problem = result.problem ?? subscription.problem;
      const nowMs = Date.now();
      const goOnMs = asked ? ASKED_GO_ON_MS : GO_ON_MS;
      const usualMs = result.unfinished ? goOnMs : waitAfter(problem, config.reconcileEveryMs);
      const waitMs = Math.min(usualMs, this.#followsWithinMs);
      const { quietChecks, recoveredInARow } = this.#watch;
      // Earlier checks, started by refused webhooks, may already have recovered some of the missed incidents.
      const recovered = recoveredInARow + result.recovered;
      const reEnabled = subscription.reEnabled ? { reEnabled: { atMs: nowMs, recovered } } : {};
      const isQuiet =
        waitMs === config.reconcileEveryMs &&
        !problem &&
        !subscription.reEnabled &&
        result.recovered === 0 &&
        state === "active";
      if (isQuiet && quietChecks >= QUIET_CHECKS) {
        // Nothing is written, because the alarm stores the time of the next check.
        this.#quietUntilMs = nowMs + Math.max(config.reconcileEveryMs, QUIET_WAIT_MS);
      } else {
        this.#quietUntilMs = null;
        this.#remember({
          ...reEnabled,
          nextAtMs: nowMs + waitMs,
          quietChecks: isQuiet ? quietChecks + 1 : 0,
          // Only a finished check adds the number of its recovered incidents.
          recoveredInARow: isQuiet ? 0 : result.unfinished ? recoveredInARow : recovered,
          problem: problem?.problem ?? (result.incomplete ? "incomplete" : null),
        });
      }
    }
    return { ...result, subscription: own ? { id: own.id, state } : null };
  }

  async #checkSubscription(): Promise<{ reEnabled: boolean; problem: CallProblem | null }> {
    const { store, client } = this.#context;
    const stored = store.connection?.subscription ?? null;
    const isSameConnection = store.whileConnectedAsNow();
    const answer = await this.#present(stored);
    const isCurrent = (id: string | undefined) =>
      isSameConnection() && store.connection?.subscription?.id === id;
    if (!isCurrent(stored?.id)) return { reEnabled: false, problem: null };
    if (!answer.ok) return { reEnabled: false, problem: stored ? answer : null };
    if (!answer.value) {
      if (stored) this.#noteMissing();
      return { reEnabled: false, problem: null };
    }
    const own = await this.#adopt(answer.value, stored);
    if (!isCurrent(own.id)) return { reEnabled: false, problem: null };
    this.#remember({ filter: answer.value.filter });
    await this.#checkEvents(own, answer.value);
    if (!isCurrent(own.id)) return { reEnabled: false, problem: null };
    // A subscription that a person paused is left paused.
    if (answer.value.state === "active" || answer.value.paused) {
      this.noteState(answer.value.state);
      return { reEnabled: false, problem: null };
    }
    const enabled = await client.run((target) => enableSubscription(target, own.id));
    if (!isCurrent(own.id)) return { reEnabled: false, problem: null };
    this.noteState(enabled.ok ? "active" : "disabled");
    if (!enabled.ok) return { reEnabled: false, problem: enabled };
    this.#record(
      "subscription.re_enabled",
      "PagerDuty had disabled the webhook subscription; it was enabled again",
    );
    return { reEnabled: true, problem: null };
  }

  /**
   * Adds missing default event types to a subscription that we created. If a person created the subscription, only
   * stores the missing types.
   */
  async #checkEvents(own: OwnSubscription, subscription: Subscription): Promise<void> {
    const { store, client } = this.#context;
    const { connection } = store;
    const missing = missingEvents(subscription.events, own.refusedEvents);
    this.#remember({ missingEvents: own.made || own.chosen ? [] : missing });
    if (missing.length === 0 || !own.made || own.chosen || !connection || mayWrite(connection) === false)
      return;
    const { refusedEvents: refused } = own;
    const extended = await addMissingEvents(client, store, {
      subscription,
      refused,
      maxCalls: MAX_EVENT_CALLS,
    });
    const { events } = extended.subscription;
    await rememberRefused(store, own.id, extended.refused);
    const added = events.filter((type) => !subscription.events.includes(type));
    if (added.length === 0 || store.connection?.subscription?.id !== own.id) return;
    this.#record("subscription.extended", `The webhook subscription lacked ${added.join(", ")}; added`);
  }

  /**
   * Reads the stored subscription from PagerDuty. If none is stored, or PagerDuty no longer has it, looks for a
   * subscription that posts to this connection.
   * @returns null if there is none
   */
  async #present(own: OwnSubscription | null): Promise<CallAnswer<Subscription | null>> {
    const { client } = this.#context;
    if (own) {
      const answer = await client.run((target) => getSubscription(target, own.id));
      if (answer.ok || answer.problem !== "not_found") return answer;
    }
    const url = own?.url ?? this.#watch.url;
    if (url === null) return { ok: true, value: null };
    return ourSubscription(client, url, this.#ownership);
  }

  /** Stores the found subscription as this connection's subscription, so that later checks watch it. */
  async #adopt({ id, url }: Subscription, stored: OwnSubscription | null): Promise<OwnSubscription> {
    if (stored?.id === id) return stored;
    const adopted = { id, url, made: false, chosen: false, refusedEvents: [] };
    await this.#context.store.update((connection) =>
      connection.subscription?.id === stored?.id ? { ...connection, subscription: adopted } : connection,
    );
    if (stored) {
      this.#record(
        "subscription.replaced",
        "PagerDuty no longer has the webhook subscription; another one for the same webhook URL took its place",
      );
    }
    return adopted;
  }

  #noteMissing(): void {
    if (this.#watch.state !== "missing") {
      this.#record("subscription.missing", "PagerDuty no longer has the webhook subscription");
    }
    this.noteState("missing");
  }

  #record(type: string, text: string): void {
    const { sql, store } = this.#context;
    appendEntry(
      sql,
      { kind: "check", type, receivedAtMs: Date.now(), outcome: "applied", reason: text },
      null,
    );
    log.warn(type, {
      userId: store.connection?.userId,
      subscriptionId: store.connection?.subscription?.id,
    });
  }
}

function waitAfter(problem: CallProblem | null, everyMs: number): number {
  if (!problem) return everyMs;
  if (problem.problem === "rate_limited") return problem.retryAfterSeconds * 1000;
  return problem.problem === "unavailable" ? Math.min(RETRY_MS, everyMs || RETRY_MS) : everyMs;
}
