import * as z from "zod/mini";
import { type ApiAnswer, type ApiTarget, callPagerDuty } from "./api.ts";
import { listOf } from "./event.ts";

/**
 * Manages webhook subscriptions at PagerDuty. `PUT` cannot change the URL, so a new URL needs a new subscription.
 * https://developer.pagerduty.com/api-reference/operations/createWebhookSubscription
 */

export const FilterType = z.enum(["account_reference", "service_reference", "team_reference"]);

/** A subscription is for the incidents of the whole account, of one service or of one team. */
export const Filter = z.object({ type: z.string(), id: z.nullable(z.string()) });
export type Filter = z.infer<typeof Filter>;

export const isSameFilter = (one: Filter | null, other: Filter | null): boolean =>
  one?.type === other?.type && one?.id === other?.id;

const RestSubscription = z.lazy(() =>
  z.object({
    id: z.string(),
    active: z.nullish(z.boolean()),
    delivery_method: z.object({
      url: z.nullish(z.string()),
      secret: z.nullish(z.string()),
      temporarily_disabled: z.nullish(z.boolean()),
    }),
    events: z.nullish(listOf(z.string())),
    filter: z.nullish(z.object({ type: z.string(), id: z.nullish(z.string()) })),
  }),
);

/** PagerDuty disables a subscription after refused webhooks. A person can disable it, too. */
export type SubscriptionState = "active" | "disabled";

export interface Subscription {
  id: string;
  url: string;
  state: SubscriptionState;
  /** Whether a person disabled the subscription. Only a person should enable a paused subscription again. */
  paused: boolean;
  events: string[];
  filter: Filter;
  /** Null except in the answer of `createSubscription`. */
  secret: string | null;
}

function subscriptionOf(rest: z.infer<typeof RestSubscription>): Subscription {
  const paused = rest.active === false;
  return {
    id: rest.id,
    url: rest.delivery_method.url ?? "",
    state: paused || rest.delivery_method.temporarily_disabled === true ? "disabled" : "active",
    paused,
    events: rest.events ?? [],
    filter: { type: rest.filter?.type ?? "account_reference", id: rest.filter?.id ?? null },
    secret: rest.delivery_method.secret ?? null,
  };
}

const One = z.pipe(
  z.object({ webhook_subscription: RestSubscription }),
  z.transform(({ webhook_subscription }) => subscriptionOf(webhook_subscription)),
);
const Page = z.object({
  webhook_subscriptions: listOf(z.pipe(RestSubscription, z.transform(subscriptionOf))),
  more: z.nullish(z.boolean()),
});
const Nothing = z.pipe(
  z.unknown(),
  z.transform(() => null),
);

const pathOf = (id: string) => `/webhook_subscriptions/${encodeURIComponent(id)}`;
const PAGE_SIZE = 100;
/** Bounds the search; real accounts have a few subscriptions. */
const MAX_PAGES = 20;

export const getSubscription = (target: ApiTarget, id: string): Promise<ApiAnswer<Subscription>> =>
  callPagerDuty(target, "GET", pathOf(id), One);

/**
 * Returns the subscriptions whose URL is `url`, then the subscriptions that `leadsHere` accepts.
 * @param leadsHere whether webhooks sent to the URL `other` reach the connection whose webhook URL is `url`
 */
export async function findSubscriptions(
  target: ApiTarget,
  url: string,
  leadsHere: (other: string, url: string) => boolean,
): Promise<ApiAnswer<Subscription[]>> {
  const all: Subscription[] = [];
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const path = `/webhook_subscriptions?limit=${PAGE_SIZE}&offset=${page * PAGE_SIZE}`;
    const answer = await callPagerDuty(target, "GET", path, Page);
    if (!answer.ok) return answer;
    const { webhook_subscriptions: listed, more } = answer.value;
    all.push(
      ...listed.filter((subscription) => subscription.url === url || leadsHere(subscription.url, url)),
    );
    if (!more) break;
  }
  return { ok: true, value: all.toSorted((a, b) => Number(b.url === url) - Number(a.url === url)) };
}

const choiceOf = (filter: Filter, events: readonly string[]) => ({
  events,
  filter: { type: filter.type, ...(filter.id ? { id: filter.id } : {}) },
});

/** Creates a subscription. Only this answer holds the signing secret. */
export const createSubscription = (
  target: ApiTarget,
  url: string,
  filter: Filter,
  events: readonly string[],
): Promise<ApiAnswer<Subscription>> =>
  callPagerDuty(target, "POST", "/webhook_subscriptions", One, {
    webhook_subscription: {
      type: "webhook_subscription",
      description: "Aurora incident investigation",
      delivery_method: { type: "http_delivery_method", url },
      ...choiceOf(filter, events),
    },
  });

/** Changes the subscription's filter and events. */
export const updateSubscription = (
  target: ApiTarget,
  id: string,
  filter: Filter,
  events: readonly string[],
): Promise<ApiAnswer<Subscription>> =>
  callPagerDuty(target, "PUT", pathOf(id), One, { webhook_subscription: choiceOf(filter, events) });

export const deleteSubscription = (target: ApiTarget, id: string): Promise<ApiAnswer<null>> =>
  callPagerDuty(target, "DELETE", pathOf(id), Nothing);

/** Enables a subscription that PagerDuty disabled temporarily. */
export const enableSubscription = (target: ApiTarget, id: string): Promise<ApiAnswer<Subscription>> =>
  callPagerDuty(target, "POST", `${pathOf(id)}/enable`, One);

/** Resumes a subscription that a person paused. */
export const resumeSubscription = (target: ApiTarget, id: string): Promise<ApiAnswer<Subscription>> =>
  callPagerDuty(target, "PUT", pathOf(id), One, { webhook_subscription: { active: true } });

/** Asks PagerDuty to send its test event, `pagey.ping`. */
export const pingSubscription = (target: ApiTarget, id: string): Promise<ApiAnswer<null>> =>
  callPagerDuty(target, "POST", `${pathOf(id)}/ping`, Nothing);
