import { pick, shuffled } from "../support/random.ts";
import { happenNext, type Organisation, type Webhook } from "./organisation.ts";

/**
 * Lists the webhooks that PagerDuty sends, with repetitions. The list is in reverse order, because `Sender` starts at
 * the end.
 */

export interface Posting {
  readonly organisation: Organisation;
  /** Called when the webhook is first sent. Returns null if there is nothing to send. */
  take(): Webhook | null;
}

/** The share of webhooks that PagerDuty sends twice. */
const REPEATED = 0.1;

export interface Plan {
  /** Each organisation without a signing secret gets this many webhooks. */
  unsignedWebhooks: number;
  /** This many webhooks are sent last, after all other webhooks were accepted. */
  held: number;
  onRepeat(): void;
  random(): number;
}

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
      /** Without a signing secret, `take` would make a new event, so an earlier webhook is repeated instead. */
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
  // While the last webhooks are sent, Aurora refuses all deliveries. Only signed webhooks are sent last, because a rate
  // limit could delay unsigned webhooks. Aurora would then refuse deliveries for so long that they die.
  const last = new Set(all.filter(({ organisation }) => organisation.isSigned).slice(0, held));
  return [...last, ...all.filter((posting) => !last.has(posting))];
}
