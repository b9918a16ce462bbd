import type { PagerDuty } from "../emulator/pagerduty.ts";
import { pick } from "../support/random.ts";
import type { Cluster } from "./cluster.ts";
import { call, type Organisation, signIn } from "./organisation.ts";

/**
 * Simulates the users of Aurora's UI during the faults: they open organisations, rotate API keys and request checks.
 */

/**
 * A user's webhook URL leads to at most this many organisations, plus the organisation that subscribed with the URL.
 */
const MAX_ORGANISATIONS = 5;
const MAX_ATTEMPTS = 200;
const RETRY_MS = 20;
/** The pause between two actions. */
const PAUSE_MS = 30;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class People {
  readonly counts = {
    "users who came to an organisation": 0,
    "users who were pushed out of an organisation": 0,
    "API keys that were rotated": 0,
    "API keys that were revoked first": 0,
    "checks that were asked for": 0,
  };
  /**
   * How many sign-ins had to be repeated after a kill. Each time, PagerDuty had refreshed the token and no longer
   * accepted the old refresh token, but the kill lost the answer that contained the new tokens.
   */
  repeatedSignIns = 0;
  readonly #cluster: Cluster;
  readonly #pagerduty: PagerDuty;
  readonly #organisations: readonly Organisation[];
  readonly #users: readonly string[];
  readonly #random: () => number;
  /** The organisations that each user has opened, latest first. */
  readonly #visited = new Map<string, string[]>();

  constructor(
    cluster: Cluster,
    pagerduty: PagerDuty,
    organisations: readonly Organisation[],
    users: number,
    random: () => number,
  ) {
    this.#cluster = cluster;
    this.#pagerduty = pagerduty;
    this.#organisations = organisations;
    this.#users = Array.from({ length: users }, (_, index) => `user-${index}`);
    this.#random = random;
    for (const { id, founder } of organisations) this.#visited.set(founder, [id]);
  }

  /** Runs random actions until the signal aborts. Finishes the current action first. */
  async live(over: AbortSignal): Promise<void> {
    const acts = [() => this.#come(), () => this.#come(), () => this.#rotate(), () => this.#check()];
    while (!over.aborted) {
      await pick(this.#random, acts)();
      await wait(PAUSE_MS);
    }
  }

  /**
   * Lets a user open an organisation. A founder opens any number of organisations if the connector made the
   * subscription with the founder's URL. Any other user opens at most five, so that the user's URL leads to all of
   * them.
   */
  async #come(): Promise<void> {
    const [first] = this.#organisations;
    const user = this.#random() < 0.5 && first ? first.founder : pick(this.#random, this.#users);
    const organisation = pick(this.#random, this.#organisations);
    const before = this.#visited.get(user) ?? [];
    // A subscription that the connector made keeps its founder's URL, however many organisations the founder opens.
    const isFounder = this.#organisations.some(({ founder, isSigned }) => isSigned && founder === user);
    if (!isFounder && !before.includes(organisation.id) && before.length >= MAX_ORGANISATIONS) return;
    const who = { user, organisation: organisation.id };
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const { status } = await call(this.#cluster, who, "GET", "/pagerduty/webhook-url");
      if (status === 200) return this.#came(user, organisation, isFounder);
      await wait(RETRY_MS);
    }
    throw new Error(`${user} never got the webhook URL of ${organisation.id}`);
  }

  #came(user: string, organisation: Organisation, isFounder: boolean): void {
    const before = this.#visited.get(user) ?? [];
    if (before.includes(organisation.id)) return;
    this.#visited.set(user, [organisation.id, ...before]);
    this.counts["users who came to an organisation"] += 1;
    // A founder can open more organisations than the founder's URL can lead to. The URL then stops leading to some of
    // them, so webhooks of an organisation that the founder did not found are never sent to this URL.
    if (!isFounder) organisation.members.push(user);
    else if (before.length >= MAX_ORGANISATIONS)
      this.counts["users who were pushed out of an organisation"] += 1;
  }

  /** Replaces an API key. Revokes the old key before or after the replacement. */
  async #rotate(): Promise<void> {
    const organisation = pick(this.#random, this.#organisations);
    const { apiKey, account, id, members } = organisation;
    if (apiKey === null) return;
    const token = account.apiKey();
    const isFirst = this.#random() < 0.5;
    if (isFirst) {
      account.revoke(apiKey);
      this.counts["API keys that were revoked first"] += 1;
    }
    const who = { user: pick(this.#random, members), organisation: id };
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const { status } = await call(this.#cluster, who, "PATCH", "/pagerduty", { token });
      if (status === 200) {
        organisation.apiKey = token;
        account.revoke(apiKey);
        this.counts["API keys that were rotated"] += 1;
        return;
      }
      // PagerDuty's rate limit lasts for up to a minute. A key that is still valid can be rotated later. A key that is
      // already revoked must be replaced now.
      if (status === 429 && !isFirst) return;
      await wait(status === 429 ? 1000 : RETRY_MS);
    }
    throw new Error(`The key of ${id} could not be rotated`);
  }

  async #check(): Promise<void> {
    const { id, founder } = pick(this.#random, this.#organisations);
    this.counts["checks that were asked for"] += 1;
    await call(this.#cluster, { user: founder, organisation: id }, "POST", "/pagerduty/reconcile");
  }

  /** Runs after the faults. Reads each organisation's status, and signs in again if the status is "not connected". */
  async recover(): Promise<void> {
    for (const { id, founder, account, isSigned } of this.#organisations) {
      const who = { user: founder, organisation: id };
      const { body } = await call(this.#cluster, who, "GET", "/pagerduty");
      if (body["connected"] === true) continue;
      this.repeatedSignIns += 1;
      await signIn(this.#cluster, this.#pagerduty, account, who, isSigned);
    }
  }
}
