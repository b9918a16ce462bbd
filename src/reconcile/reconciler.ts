import type { OwnSubscription } from "../connection/connection.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import type { CallProblem } from "../connection/tokens.ts";
import { log } from "../log.ts";
import { enableSubscription, findSubscription, getSubscription } from "../pagerduty/subscriptions.ts";
import { appendEntry } from "../storage/journal.ts";
import { recover } from "./missed-incidents.ts";
import { readWatch, updateWatch, type Watch } from "./watch.ts";

/**
 * The guardian: looks after the subscription, and after what it did not bring. PagerDuty switches one off for
 * a day after three refusals in a row, without a word; here that is seen, reEnabled, said, and made up for.
 */

/** After a check that something stopped. */
const RETRY_MS = 60_000;
/** After one whose time was over: others come first, then it goes on. */
const GO_ON_MS = 2_000;

export interface Reconciled {
  checked: number;
  recovered: number;
  problem: CallProblem | null;
  subscription: { id: string; state: Watch["state"] } | null;
}

export class Reconciler {
  readonly #context: TenantContext;
  #running: Promise<Reconciled> | null = null;
  #next: Promise<Reconciled> | null = null;
  /** Whether somebody asked for the check that comes next. */
  #asked = false;
  /** Whether a gap is expected that the present check may have come too early for. */
  #gapExpected = false;

  constructor(context: TenantContext) {
    this.#context = context;
  }

  get #watch(): Watch {
    return readWatch(this.#context.storage);
  }

  #remember(change: Partial<Watch>): void {
    updateWatch(this.#context.storage, change);
  }

  /** When the next check is due; null when checks are off. */
  get nextAtMs(): number | null {
    // None is planned where checks were off when the user connected.
    return this.#context.config.reconcileEveryMs > 0 ? (this.#watch.nextAtMs ?? 0) : null;
  }

  /** A gap may have been: a new connection, credential, secret or subscription. Looked into at once. */
  expectGap(nowMs: number): void {
    if (this.#context.config.reconcileEveryMs === 0) return;
    this.#gapExpected = true;
    this.#remember({ nextAtMs: nowMs });
  }

  /** Learns the webhook URL from a caller, because an alarm has none. */
  noteUrl(url: string): void {
    this.#remember({ url });
  }

  /** The subscription is as PagerDuty has just said. */
  noteState(state: Watch["state"]): void {
    this.#remember({ state });
  }

  /**
   * Checks the subscription, then looks for missed incidents. One check at a time: who asks while one is under
   * way gets the next one, together with whoever else asks, because the present one may have looked too early.
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
    this.#gapExpected = false;
    const asked = this.#asked;
    this.#asked = false;
    const subscription = await this.#checkSubscription();
    const own = store.connection?.subscription;
    const filter = own ? this.#watch.filter : null;
    const { unfinished, ...result } = await recover(this.#context, filter, asked, Date.now());
    const state = this.#watch.state;
    if (store.connection?.connectionId === connectionId && connectionId !== undefined) {
      const problem = result.problem ?? subscription.problem;
      const nowMs = Date.now();
      const usualMs = unfinished ? GO_ON_MS : waitAfter(problem, config.reconcileEveryMs);
      const waitMs = this.#gapExpected ? 0 : usualMs;
      const reEnabled = subscription.reEnabled
        ? { reEnabled: { atMs: nowMs, recovered: result.recovered } }
        : {};
      this.#remember({
        ...reEnabled,
        lastAtMs: nowMs,
        nextAtMs: nowMs + waitMs,
        problem: problem ? problem.problem : null,
      });
    }
    return { ...result, subscription: own ? { id: own.id, state } : null };
  }

  async #checkSubscription(): Promise<{ reEnabled: boolean; problem: CallProblem | null }> {
    const { store, client } = this.#context;
    const own = store.connection?.subscription ?? (await this.#adopt());
    if (!own) return { reEnabled: false, problem: null };
    const answer = await client.run((target) => getSubscription(target, own.id));
    if (store.connection?.subscription?.id !== own.id) return { reEnabled: false, problem: null };
    if (!answer.ok) {
      if (answer.problem !== "not_found") return { reEnabled: false, problem: answer };
      if (this.#watch.state !== "missing")
        this.#record("subscription.missing", "PagerDuty no longer has the webhook subscription");
      this.#remember({ state: "missing" });
      return { reEnabled: false, problem: null };
    }
    this.#remember({ filter: answer.value.filter });
    // What a person switched off, a person switches on.
    if (answer.value.state === "active" || answer.value.paused) {
      this.#remember({ state: answer.value.state });
      return { reEnabled: false, problem: null };
    }
    const enabled = await client.run((target) => enableSubscription(target, own.id));
    if (store.connection?.subscription?.id !== own.id) return { reEnabled: false, problem: null };
    this.#remember({ state: enabled.ok ? "active" : "disabled" });
    if (!enabled.ok) return { reEnabled: false, problem: enabled };
    this.#record(
      "subscription.re_enabled",
      "PagerDuty had switched the webhook subscription off; it was enabled again",
    );
    return { reEnabled: true, problem: null };
  }

  /** A webhook made by hand is looked after like our own, if the credential may see it. */
  async #adopt(): Promise<OwnSubscription | null> {
    const { store, client } = this.#context;
    const { url } = this.#watch;
    const connectionId = store.connection?.connectionId;
    if (url === null || connectionId === undefined) return null;
    const found = await client.run((target) => findSubscription(target, url));
    if (!found.ok || !found.value || store.connection?.connectionId !== connectionId) return null;
    const subscription = { id: found.value.id, url, made: false };
    await store.update((connection) => ({
      ...connection,
      subscription: connection.subscription ?? subscription,
    }));
    return subscription;
  }

  /** What we noticed or did ourselves stands in the event log, too. */
  #record(type: string, text: string): void {
    const { sql, store } = this.#context;
    appendEntry(
      sql,
      { kind: "guardian", type, receivedAtMs: Date.now(), outcome: "applied", reason: text },
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
