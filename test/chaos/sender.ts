import { pick } from "../support/random.ts";
import type { Cluster } from "./cluster.ts";
import { post } from "./organisation.ts";
import type { Posting } from "./postings.ts";

/** Sends webhooks as PagerDuty does, and retries them until they are accepted. */

const SENDERS = 16;
/** The wait before a webhook is sent again. PagerDuty waits longer. */
const RETRY_MS = 20;
const LIMITED_RETRY_MS = 2_000;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Limited {
  posting: Posting;
  dueAtMs: number;
}

export class Sender {
  readonly counts = { attempts: 0, notTaken: 0, limited: 0 };
  readonly #cluster: Cluster;
  readonly #random: () => number;
  /** Webhooks that the connector answered with 429. Their organisations have no signing secret. */
  #limited: Limited[] = [];
  #underWay = 0;

  constructor(cluster: Cluster, random: () => number) {
    this.#cluster = cluster;
    this.#random = random;
  }

  get isLimited(): boolean {
    return this.#limited.length > 0;
  }

  /**
   * Sends the webhooks from the end of `postings` to the start. When only `held` postings remain, waits until all sent
   * webhooks are accepted. @param onTaken called after each accepted webhook, with the number of webhooks that are left
   */
  async send(postings: readonly Posting[], held: number, onTaken: (left: number) => void): Promise<void> {
    const queue = [...postings];
    let left = queue.length;
    const next = (): Posting | "later" | undefined => {
      const due = this.#limited.find(({ dueAtMs }) => dueAtMs <= Date.now());
      if (due) {
        this.#limited = this.#limited.filter((one) => one !== due);
        return due.posting;
      }
      if (queue.length > held || (!this.isLimited && this.#underWay === 0) || left <= held)
        return queue.pop();
      return "later";
    };
    const work = async () => {
      while (left > 0) {
        const posting = next();
        if (posting === "later" || posting === undefined) {
          await wait(RETRY_MS);
          continue;
        }
        this.#underWay += 1;
        const isTaken = await this.#post(posting);
        this.#underWay -= 1;
        if (!isTaken) continue;
        left -= 1;
        onTaken(left);
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, work));
  }

  /** @returns false if the webhook has to be sent again later, because of the rate limit */
  async #post({ organisation, take }: Posting): Promise<boolean> {
    const webhook = take();
    if (!webhook) return true;
    for (;;) {
      this.counts.attempts += 1;
      const user = pick(this.#random, organisation.members);
      const status = await post(this.#cluster, user, organisation, webhook);
      if (status === 202) return true;
      this.counts.notTaken += 1;
      // PagerDuty retries a webhook only after 429, after 5xx, and if there was no answer. With any other status
      // PagerDuty would drop the webhook, so the run fails.
      if (status !== 0 && status !== 429 && status < 500) {
        throw new Error(`A genuine webhook of ${organisation.id} at the URL of ${user} got ${status}`);
      }
      if (status === 429 && !organisation.isSigned) {
        this.counts.limited += 1;
        const posting = { organisation, take: () => webhook };
        this.#limited.push({ posting, dueAtMs: Date.now() + LIMITED_RETRY_MS });
        return false;
      }
      await wait(RETRY_MS);
    }
  }
}
