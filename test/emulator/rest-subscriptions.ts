import * as z from "zod";
import { jsonReply, type Reply } from "./listener.ts";
import { restError } from "./rest-error.ts";
import { PageQuery, pageOf } from "./rest-page.ts";
import { bodyOf, parseInput, queryOf, type RestCall, type Route } from "./rest-route.ts";
import type { Subscription } from "./subscription.ts";
import { EVENT_TYPES } from "./webhook-event.ts";

const READ = "webhook_subscriptions.read";
const WRITE = "webhook_subscriptions.write";

const Events = z
  .array(z.string().refine((type) => EVENT_TYPES.includes(type), "is not an event type"))
  .min(1)
  .refine((types) => new Set(types).size === types.length, "must be unique");

const Filter = z
  .object({
    type: z.enum(["account_reference", "service_reference", "team_reference"]),
    id: z.string().optional(),
  })
  .refine(({ type, id }) => type === "account_reference" || id !== undefined, "needs an id");

const NewSubscription = z.object({
  webhook_subscription: z.object({
    type: z.literal("webhook_subscription"),
    active: z.boolean().optional(),
    description: z.string().optional(),
    delivery_method: z.object({
      type: z.literal("http_delivery_method"),
      url: z.url({ protocol: /^https?$/ }),
      custom_headers: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
    }),
    events: Events,
    filter: Filter,
  }),
});

/** Omits the delivery method, which PagerDuty ignores in changes. */
const SubscriptionChange = z.object({
  webhook_subscription: z.object({
    active: z.boolean().optional(),
    description: z.string().optional(),
    events: Events.optional(),
    filter: Filter.optional(),
  }),
});

const SubscriptionQuery = PageQuery.and(
  z.object({
    filter_type: z.enum(["account", "service", "team"]).optional(),
    filter_id: z.string().optional(),
  }),
);

const unknownTypes = (events: readonly string[] | undefined, { faults }: RestCall): string[] =>
  (events ?? [])
    .filter((type) => faults.unknownEventTypes.includes(type))
    .map((type) => `events: ${type} is not an event type`);

/** PagerDuty shows the secret and the values of custom headers only in the answer that creates the subscription. */
function subscriptionResource(subscription: Subscription, created = false) {
  const { filter } = subscription;
  return {
    id: subscription.id,
    type: "webhook_subscription",
    active: subscription.active,
    description: subscription.description,
    delivery_method: {
      id: subscription.deliveryMethodId,
      type: "http_delivery_method",
      url: subscription.url,
      secret: created ? subscription.secret : null,
      temporarily_disabled: subscription.temporarilyDisabled,
      custom_headers: subscription.customHeaders.map(({ name, value }) => ({
        name,
        value: created ? value : "-- redacted --",
      })),
    },
    events: subscription.events,
    filter: { type: filter.type, ...(filter.id === undefined ? {} : { id: filter.id }) },
  };
}

function list(call: RestCall): Reply {
  const query = parseInput(SubscriptionQuery, queryOf(call));
  if (!query.ok) return query.reply;
  const { filter_type, filter_id } = query.value;
  const matching = [...call.account.subscriptions.values()].filter(
    ({ filter }) =>
      (filter_type === undefined || filter.type === `${filter_type}_reference`) &&
      (filter_id === undefined || filter.id === filter_id),
  );
  const { items, pagination } = pageOf(matching, query.value);
  const webhook_subscriptions = items.map((subscription) => subscriptionResource(subscription));
  return jsonReply(200, { webhook_subscriptions, ...pagination });
}

function create(call: RestCall): Reply {
  const input = parseInput(NewSubscription, bodyOf(call));
  if (!input.ok) return input.reply;
  const { delivery_method, events, filter, description, active } = input.value.webhook_subscription;
  const unknown = unknownTypes(events, call);
  if (unknown.length > 0) return restError.invalid(unknown);
  const { account } = call;
  const known = [account.service.id, account.team.id, account.id];
  if (filter.id !== undefined && !known.includes(filter.id)) {
    return restError.invalid([`filter.id: ${filter.type} not found`]);
  }
  const { url, custom_headers: customHeaders } = delivery_method;
  const subscription = account.subscribe({ url, events, filter, description, active, customHeaders });
  return jsonReply(200, { webhook_subscription: subscriptionResource(subscription, true) });
}

function aboutSubscription(
  answer: (subscription: Subscription, call: RestCall) => Reply,
): (call: RestCall) => Reply {
  return (call) => {
    const subscription = call.account.subscriptions.get(call.id);
    return subscription === undefined ? restError.notFound() : answer(subscription, call);
  };
}

function show(subscription: Subscription): Reply {
  return jsonReply(200, { webhook_subscription: subscriptionResource(subscription) });
}

function update(subscription: Subscription, call: RestCall): Reply {
  const input = parseInput(SubscriptionChange, bodyOf(call));
  if (!input.ok) return input.reply;
  const { active, description, events, filter } = input.value.webhook_subscription;
  const unknown = unknownTypes(events, call);
  if (unknown.length > 0) return restError.invalid(unknown);
  subscription.active = active ?? subscription.active;
  subscription.description = description ?? subscription.description;
  subscription.events = events ?? subscription.events;
  subscription.filter = filter ?? subscription.filter;
  return show(subscription);
}

function remove(subscription: Subscription, call: RestCall): Reply {
  call.account.unsubscribe(subscription.id);
  return { status: 204 };
}

function enable(subscription: Subscription): Reply {
  subscription.temporarilyDisabled = false;
  return show(subscription);
}

function ping(subscription: Subscription, call: RestCall): Reply {
  const data = { message: "Hello from your friend Pagey!", type: "ping" };
  subscription.send(call.account.eventOf({ eventType: "pagey.ping", data }), null);
  return { status: 202 };
}

export const subscriptionRoutes: readonly Route[] = [
  { method: "GET", path: "/webhook_subscriptions", scope: READ, answer: list },
  { method: "POST", path: "/webhook_subscriptions", scope: WRITE, answer: create },
  { method: "GET", path: "/webhook_subscriptions/{id}", scope: READ, answer: aboutSubscription(show) },
  { method: "PUT", path: "/webhook_subscriptions/{id}", scope: WRITE, answer: aboutSubscription(update) },
  { method: "DELETE", path: "/webhook_subscriptions/{id}", scope: WRITE, answer: aboutSubscription(remove) },
  {
    method: "POST",
    path: "/webhook_subscriptions/{id}/enable",
    scope: WRITE,
    answer: aboutSubscription(enable),
  },
  { method: "POST", path: "/webhook_subscriptions/{id}/ping", scope: WRITE, answer: aboutSubscription(ping) },
];
