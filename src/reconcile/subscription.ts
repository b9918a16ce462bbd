import type { CallAnswer, PagerDutyClient } from "../connection/client.ts";
import { holdsSecretOf, type SigningSecret, withSecret } from "../connection/connection.ts";
import type { ConnectionStore } from "../connection/store.ts";
import { learnWriteAccess } from "../connection/write-access.ts";
import { answer } from "../errors.ts";
import { log } from "../log.ts";
import type { ApiAnswer, ApiTarget } from "../pagerduty/api.ts";
import {
  createSubscription,
  deleteSubscription,
  enableSubscription,
  type Filter,
  getSubscription,
  pingSubscription,
  resumeSubscription,
  type Subscription,
  updateSubscription,
} from "../pagerduty/subscriptions.ts";
import { BASIC_EVENTS, DEFAULT_EVENTS } from "../pagerduty/webhook-events.ts";
import {
  addMissingEvents,
  type Choice,
  rememberRefused,
  type SubscriptionOptions,
  withDefaults,
} from "./event-types.ts";
import { ourSubscription } from "./our-subscription.ts";
import { isUpToDate, refusal } from "./subscription-answers.ts";
import type { Ownership } from "./webhook-url.ts";

/** Manages the webhook subscription at PagerDuty for the user's webhook URL. */

/** `SubscriptionManager` calls these functions. Other parts of the tenant's object implement them. */
export interface Neighbours {
  /** Called when PagerDuty answers that our subscription does not exist. */
  noteMissing(): void;
  /** Whether webhooks were refused since the last secret was stored. */
  areWebhooksRefused(): boolean;
}

const WHOLE_ACCOUNT: Filter = { type: "account_reference", id: null };

export class SubscriptionManager {
  readonly #store: ConnectionStore;
  readonly #client: PagerDutyClient;
  readonly #neighbours: Neighbours;
  readonly #ownership: Ownership;
  #last: Promise<unknown> = Promise.resolve();
  #creating = 0;

  constructor(store: ConnectionStore, client: PagerDutyClient, ownership: Ownership, neighbours: Neighbours) {
    this.#store = store;
    this.#client = client;
    this.#ownership = ownership;
    this.#neighbours = neighbours;
  }

  /** Whether PagerDuty is creating a subscription. Its first webhooks may arrive before its secret is stored here. */
  get isCreating(): boolean {
    return this.#creating > 0;
  }

  /**
   * Finds the subscription for `url`, or creates it and stores its secret. Calls run one after another, so that two
   * concurrent calls create only one subscription.
   */
  async ensure(
    url: string,
    options: SubscriptionOptions,
  ): Promise<{ created: boolean; subscription: Subscription }> {
    const turn = this.#last.then(() => this.#ensure(url, options));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Calls `ensure` while a user connects. Returns an error instead of throwing, so that the connection stays. */
  async tryEnsure(url: string): Promise<{ id: string | null; error: string | null }> {
    const tried = await answer(() => this.ensure(url, { filter: null, events: null }));
    if (tried.ok) return { id: tried.value.subscription.id, error: null };
    return { id: null, error: tried.failure.message };
  }

  async #ensure(
    url: string,
    options: SubscriptionOptions,
  ): Promise<{ created: boolean; subscription: Subscription }> {
    const known = await this.#known(url);
    const filter = options.filter ?? known?.filter ?? WHOLE_ACCOUNT;
    const { connection } = this.#store;
    const areRefused = this.#neighbours.areWebhooksRefused();
    const holdsSecret =
      connection !== null &&
      known !== null &&
      this.#ownership.leadsHere(known.url, url) &&
      holdsSecretOf(connection, known.id, areRefused, Date.now());
    const choice = this.#choiceOf(options, known, holdsSecret);
    if (known && holdsSecret) {
      return { created: false, subscription: await this.#keep(known, filter, choice) };
    }
    const created = await this.#create(url, filter, choice);
    // The old subscription has a different URL, or its secret is lost. No event is missed, because the old subscription
    // is removed last. An event that arrives twice counts once.
    if (known) await this.#removeAtPagerDuty(known.id);
    return { created: true, subscription: created };
  }

  /** Decides the subscription's event types. Default types are added, unless a caller chose the types. */
  #choiceOf({ events }: SubscriptionOptions, known: Subscription | null, stays: boolean): Choice {
    if (events) return { events, chosen: true };
    if (!known) return { events: withDefaults([]), chosen: false };
    const own = this.#store.connection?.subscription;
    const isOurs = own?.id === known.id && own.made;
    if (isOurs && own.chosen) return { events: known.events, chosen: true };
    // If a person created the subscription and we keep it, its event types do not change.
    return { events: isOurs || !stays ? withDefaults(known.events) : known.events, chosen: false };
  }

  async #keep(known: Subscription, filter: Filter, choice: Choice): Promise<Subscription> {
    await this.#store.update((connection) => ({
      ...connection,
      subscription: {
        id: known.id,
        url: known.url,
        made: connection.subscription?.id === known.id && connection.subscription.made,
        chosen: choice.chosen,
        refusedEvents: [],
      },
    }));
    if (isUpToDate(known, filter, choice.events)) return known;
    const changed = await this.#tryWrite((target) =>
      updateSubscription(target, known.id, filter, choice.events),
    );
    if (changed.ok) return changed.value;
    if (choice.chosen || changed.problem !== "bad_request") throw refusal(changed, "change");
    if (!isUpToDate(known, filter, known.events)) {
      await this.#write((target) => updateSubscription(target, known.id, filter, known.events));
    }
    return this.#extend({ ...known, filter });
  }

  /** Adds the missing default types that PagerDuty accepts. */
  async #extend(subscription: Subscription): Promise<Subscription> {
    const maxCalls = DEFAULT_EVENTS.length;
    const extended = await addMissingEvents(this.#client, this.#store, {
      subscription,
      refused: [],
      maxCalls,
    });
    await rememberRefused(this.#store, subscription.id, extended.refused);
    return extended.subscription;
  }

  /** Reads our subscription from PagerDuty. @throws {AppError} not_found if it does not exist */
  async current(): Promise<Subscription> {
    const id = this.#ownId();
    const answer = await this.#client.run((target) => getSubscription(target, id));
    if (answer.ok) return answer.value;
    this.#noteMissing(answer);
    throw refusal(answer, "read");
  }

  async ping(): Promise<void> {
    const id = this.#ownId();
    await this.#writeOwn((target) => pingSubscription(target, id));
  }

  /** Enables a subscription that PagerDuty disabled or a person paused. */
  async enable(): Promise<Subscription> {
    const id = this.#ownId();
    const enabled = await this.#writeOwn((target) => enableSubscription(target, id));
    if (!enabled.paused) return enabled;
    return this.#writeOwn((target) => resumeSubscription(target, id));
  }

  /** Removes our subscription and its secret. @throws {AppError} if PagerDuty refuses */
  async remove(): Promise<void> {
    const id = this.#ownId();
    const answer = await this.#tryWrite((target) => deleteSubscription(target, id));
    this.#logRemoval(id, answer);
    if (!answer.ok && answer.problem !== "not_found") throw refusal(answer, "change");
    await this.#store.update((connection) => ({
      ...connection,
      subscription: null,
      signingSecrets: connection.signingSecrets.filter(({ subscriptionId }) => subscriptionId !== id),
    }));
  }

  /** Removes the subscription that we created; logs a failure. @returns whether it is gone; null if we created none */
  async removeIfMade(): Promise<boolean | null> {
    const own = this.#store.connection?.subscription;
    return own?.made ? this.#removeAtPagerDuty(own.id) : null;
  }

  #ownId(): string {
    const own = this.#store.connection?.subscription;
    if (!own) throw refusal({ problem: "not_found" }, "read");
    return own.id;
  }

  /** Reads our subscription from PagerDuty. If it is missing, looks for another that posts to this connection. */
  async #known(url: string): Promise<Subscription | null> {
    const own = this.#store.connection?.subscription;
    if (own) {
      const answer = await this.#client.run((target) => getSubscription(target, own.id));
      if (answer.ok) return answer.value;
      if (answer.problem !== "not_found") throw refusal(answer, "change");
    }
    const found = await ourSubscription(this.#client, url, this.#ownership);
    if (found.ok) return found.value;
    throw refusal(found, "change");
  }

  async #create(url: string, filter: Filter, choice: Choice): Promise<Subscription> {
    this.#creating += 1;
    try {
      const whole = await this.#createNow(url, filter, choice);
      if (whole.ok) return whole.value;
      if (choice.chosen || whole.problem !== "bad_request") throw refusal(whole, "change");
      // PagerDuty may not know all types, so the subscription starts with the basic types.
      const basic = await this.#createNow(url, filter, { ...choice, events: BASIC_EVENTS });
      if (!basic.ok) throw refusal(basic, "change");
      return this.#extend(basic.value);
    } finally {
      this.#creating -= 1;
    }
  }

  async #createNow(
    url: string,
    filter: Filter,
    { events, chosen }: Choice,
  ): Promise<CallAnswer<Subscription>> {
    const isCurrent = this.#store.whileConnectedAsNow();
    const created = await this.#tryWrite(async (target) => {
      const made = await createSubscription(target, url, filter, events);
      // If the connection ended during the call, nothing else would remove the new subscription.
      if (made.ok && !isCurrent()) {
        await deleteSubscription(target, made.value.id);
      }
      return made;
    });
    if (!created.ok) return created;
    const { id, secret } = created.value;
    const added: SigningSecret | null = secret
      ? { id: crypto.randomUUID(), secret, subscriptionId: id, expiresAtMs: null }
      : null;
    await this.#store.update((connection) => ({
      ...connection,
      subscription: { id, url, made: true, chosen, refusedEvents: [] },
      signingSecrets: added ? withSecret(connection, added, Date.now()) : connection.signingSecrets,
    }));
    log.info("subscription.created", { userId: this.#store.connection?.userId, subscriptionId: id });
    return created;
  }

  /** Deletes a subscription. Uses PagerDuty's answer even if the connection changed during the call. */
  async #removeAtPagerDuty(id: string): Promise<boolean> {
    let last: ApiAnswer<unknown> | null = null;
    const answer = await this.#client.run(async (target) => {
      last = await deleteSubscription(target, id);
      return last;
    });
    return this.#logRemoval(id, last ?? answer);
  }

  #logRemoval(id: string, answer: CallAnswer<unknown>): boolean {
    const gone = answer.ok || answer.problem === "not_found";
    log[gone ? "info" : "warn"]("subscription.removed", {
      userId: this.#store.connection?.userId,
      subscriptionId: id,
      problem: answer.ok ? null : answer.problem,
    });
    return gone;
  }

  #noteMissing(answer: CallAnswer<unknown>): void {
    if (!answer.ok && answer.problem === "not_found") this.#neighbours.noteMissing();
  }

  /** Changes our subscription. Calls `noteMissing` if PagerDuty no longer has it. */
  async #writeOwn<T>(call: (target: ApiTarget) => Promise<ApiAnswer<T>>): Promise<T> {
    const answer = await this.#tryWrite(call);
    if (answer.ok) return answer.value;
    this.#noteMissing(answer);
    throw refusal(answer, "change");
  }

  async #write<T>(call: (target: ApiTarget) => Promise<ApiAnswer<T>>): Promise<T> {
    const answer = await this.#tryWrite(call);
    if (answer.ok) return answer.value;
    throw refusal(answer, "change");
  }

  /** Makes a call that changes something at PagerDuty, and stores whether the credential may write. */
  async #tryWrite<T>(call: (target: ApiTarget) => Promise<ApiAnswer<T>>): Promise<CallAnswer<T>> {
    const answer = await this.#client.run(call);
    await learnWriteAccess(this.#store, answer);
    return answer;
  }
}
