import { pick, shuffled } from "../support/random.ts";
import { happenNext, type Organisation, type Webhook } from "./organisation.ts";

/**
 * Lists the webhooks that PagerDuty sends, with repetitions. The list is in reverse order, because `Sender` starts at
 * its end.
 */

/** A webhook to send. */
export interface Posting {
  readonly organisation: Organisation;
  /** Called when the webhook is first sent. Null: there is nothing to send. */
  take(): Webhook | null;
}

/** The share of webhooks that PagerDuty sends twice. */
const REPEATED = 0.1;

export interface Plan {
  /** How many events of each organisation without a signing secret are still to happen. */
  unsignedWebhooks: number;
  /** How many webhooks are sent last, after all others were taken. */
  held: number;
  /** Called for each repetition that is sent. */
  onRepeat(): void;
  random(): number;
}

/** @returns the webhooks in reverse order: the first of the list is sent last */
export function postingsOf(organisations: readonly Organisation[], plan: Plan): Posting[] {
  const { unsignedWebhooks, held, onRepeat, random } = plan;
  const once = organisations.flatMap((organisation): Posting[] =>
    organisation.isSigned
      ? organisation.webhooks.map((webhook) => ({ organisation, take: () => webhook }))
      : Array.from({ length: unsignedWebhooks }, () => ({
          organisation,
          take: () => happenNext(organisation),
        })),
  );
  const again = once
    .filter(() => random() < REPEATED)
    .map(({ organisation, take }): Posting => {
      const { isSigned, webhooks } = organisation;
      /**
       * Returns the webhook to repeat. In an unsigned organisation, this is any webhook whose event has already
       * happened, because `take` would let a new event happen.
       */
      const repeat = () => (isSigned ? take() : webhooks.length > 0 ? pick(random, webhooks) : null);
      return {
        organisation,
        take: () => {
          const webhook = repeat();
          if (webhook) onRepeat();
          return webhook;
        },
      };
    });
  const all = shuffled(random, [...once, ...again]);
  // The webhooks that are sent last are signed. A rate limit could delay unsigned webhooks, and the last outage would
  // then be longer than the delivery schedule.
  const last = new Set(all.filter(({ organisation }) => organisation.isSigned).slice(0, held));
  return [...last, ...all.filter((posting) => !last.has(posting))];
}
