import type { PagerDutyClient } from "../connection/client.ts";
import type { ConnectionStore } from "../connection/store.ts";
import type { CallProblem } from "../connection/tokens.ts";
import { learnWriteAccess } from "../connection/write-access.ts";
import { type Filter, type Subscription, updateSubscription } from "../pagerduty/subscriptions.ts";
import { DEFAULT_EVENTS } from "../pagerduty/webhook-events.ts";

/** Adds missing event types to the webhook subscription. */

/**
 * A caller's options. If an option is null, an existing subscription keeps its value, and a new subscription gets the
 * default.
 */
export interface SubscriptionOptions {
  filter: Filter | null;
  events: string[] | null;
}

/** The event types that a subscription should have. */
export interface Choice {
  events: readonly string[];
  /** Whether a caller chose the types. Then every chosen type is required, and no default type is added. */
  chosen: boolean;
}

/** Returns the default types that are missing in `events`. @param refused types that are left out */
export function missingEvents(events: readonly string[], refused: readonly string[] = []): string[] {
  return DEFAULT_EVENTS.filter((type) => !events.includes(type) && !refused.includes(type));
}

export const withDefaults = (events: readonly string[]): string[] => [...events, ...missingEvents(events)];

export interface Extended {
  subscription: Subscription;
  /** Types that PagerDuty does not know. */
  refused: string[];
  /** The error that stopped the additions, or null. A refused type is not an error. */
  problem: CallProblem | null;
}

/**
 * Adds the default types that a subscription lacks. If PagerDuty refuses all types together, tries each type
 * separately.
 * @param maxCalls the maximum number of requests to PagerDuty; a later run adds the types that remain
 */
export async function addMissingEvents(
  client: PagerDutyClient,
  store: ConnectionStore,
  {
    subscription,
    refused,
    maxCalls,
  }: { subscription: Subscription; refused: readonly string[]; maxCalls: number },
): Promise<Extended> {
  const put = async (events: readonly string[]) => {
    const { id, filter } = subscription;
    const answer = await client.run((target) => updateSubscription(target, id, filter, events));
    await learnWriteAccess(store, answer);
    return answer;
  };
  const wanted = missingEvents(subscription.events, refused);
  const whole = await put([...subscription.events, ...wanted]);
  if (whole.ok) return { subscription: whole.value, refused: [...refused], problem: null };
  const extended: Extended = { subscription, refused: [...refused], problem: null };
  if (whole.problem !== "bad_request") return { ...extended, problem: whole };
  for (const type of wanted.slice(0, maxCalls - 1)) {
    const answer = await put([...extended.subscription.events, type]);
    if (answer.ok) extended.subscription = answer.value;
    else if (answer.problem === "bad_request") extended.refused.push(type);
    else return { ...extended, problem: answer };
  }
  return extended;
}

/** Stores the types that PagerDuty does not know, so that later checks do not try them again. */
export async function rememberRefused(
  store: ConnectionStore,
  subscriptionId: string,
  refusedEvents: string[],
): Promise<void> {
  const own = store.connection?.subscription;
  if (own?.id !== subscriptionId || own.refusedEvents.length === refusedEvents.length) return;
  await store.update((connection) =>
    connection.subscription?.id === subscriptionId
      ? { ...connection, subscription: { ...connection.subscription, refusedEvents } }
      : connection,
  );
}
