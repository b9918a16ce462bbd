import type { PagerDuty } from "../emulator/pagerduty.ts";
import { pick } from "../support/random.ts";
import type { Cluster } from "./cluster.ts";
import { call, type Organisation, signIn } from "./organisation.ts";

/**
 * Simulates the users of Aurora's UI during the faults: they open organisations, rotate API keys and request checks.
 */

/**
 * A user's webhook URL leads to five organisations: those for which the user called the connector most recently. An
 * organisation is never dropped while its subscription uses the URL.
 */
const MAX_ORGANISATIONS = 5;
const MAX_ATTEMPTS = 200;
const RETRY_MS = 20;
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
   * The number of organisations that lost their connection and signed in again. If a kill interrupts a token refresh,
   * the new tokens can be lost, although the old refresh token is no longer valid.
   */
  repeatedSignIns = 0;
  readonly #cluster: Cluster;
  readonly #pagerduty: PagerDuty;
  readonly #organisations: readonly Organisation[];
  readonly #users: readonly string[];
  readonly #random: () => number;
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

  async live(over: AbortSignal): Promise<void> {
    const acts = [() => this.#come(), () => this.#come(), () => this.#rotate(), () => this.#check()];
    while (!over.aborted) {
      await pick(this.#random, acts)();
      await wait(PAUSE_MS);
    }
  }

  async #come(): Promise<void> {
    const [first] = this.#organisations;
    const user = this.#random() < 0.5 && first ? first.founder : pick(this.#random, this.#users);
    const organisation = pick(this.#random, this.#organisations);
    const before = this.#visited.get(user) ?? [];
    // Most users open at most five organisations, so that each user's URL leads to all of them. The founder of a signed
    // organisation may open more, because the founder's URL always leads to that organisation.
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
    // A founder's URL may later stop leading to this organisation. The founder therefore does not become a member: only
    // the URLs of members get the organisation's webhooks.
    if (!isFounder) organisation.members.push(user);
    else if (before.length >= MAX_ORGANISATIONS)
      this.counts["users who were pushed out of an organisation"] += 1;
  }

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
      // PagerDuty's rate limit can last a minute. While it lasts, the connector cannot check the new key. If the old
      // key is still valid, the organisation keeps it. If it is revoked, the connector is sent the new key again.
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

  /** Called after the faults. Signs in again for each organisation that lost its connection. */
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
