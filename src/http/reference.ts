import * as z from "zod/mini";
import * as answers from "./answers.ts";
import { ConnectBody, IdsBody, LoginBody, RotateBody, SigningSecretBody, SubscribeBody } from "./requests.ts";

/**
 * Every call of the API, for the reference. Bodies are the very schemas that validate them. Only
 * scripts/openapi.ts and tests load this file; the Worker sends what it made of it.
 */

export interface Call {
  method: "get" | "post" | "put" | "patch" | "delete";
  path: string;
  tag: string;
  summary: string;
  /** Query parameters by name, with what they mean. */
  query?: Record<string, { description: string; schema: z.core.$ZodType }>;
  /** Headers by name, with what they mean. */
  headers?: Record<string, string>;
  body?: { schema: z.core.$ZodType; required: boolean };
  /** By status; the schema is null for an answer without a body, `html` for a page. */
  answers: Record<number, { description: string; schema: z.core.$ZodType | "html" | null }>;
  /** Statuses of errors besides those that every call has. */
  errors: number[];
  /** Who may call: Aurora's server with its secret, or anyone (the console: whom Access vouches for). */
  open?: boolean;
}

const Limit = z._default(z.int().check(z.gte(1), z.lte(100)), 25);
const list = {
  limit: { description: "How many, 1 to 100.", schema: Limit },
  cursor: { description: "`nextCursor` of the page before.", schema: z.string() },
};
const ok = (description: string, schema: z.core.$ZodType) => ({ 200: { description, schema } });
const pagerdutyErrors = [401, 403, 429, 502];

const status: Call[] = [
  {
    method: "get",
    path: "/pagerduty",
    tag: "Connection",
    summary: "The user's status",
    answers: ok("Connected or not, with what keeps events from flowing.", answers.Status),
    errors: [],
  },
  {
    method: "post",
    path: "/pagerduty",
    tag: "Connection",
    summary: "Connect with an API token",
    body: { schema: ConnectBody, required: true },
    answers: ok("Connected.", answers.ConnectAnswer),
    errors: [400, 409, 413, ...pagerdutyErrors],
  },
  {
    method: "patch",
    path: "/pagerduty",
    tag: "Connection",
    summary: "Rotate the API token",
    body: { schema: RotateBody, required: true },
    answers: ok("The new token is in force.", z.omit(answers.ConnectAnswer, { subscribed: true })),
    errors: [400, 404, 409, 413, ...pagerdutyErrors],
  },
  {
    method: "delete",
    path: "/pagerduty",
    tag: "Connection",
    summary: "Disconnect, and forget everything",
    answers: ok("`deleted` is 0 when nothing was there.", answers.Disconnected),
    errors: [],
  },
  {
    method: "post",
    path: "/pagerduty/oauth/login",
    tag: "Connection",
    summary: "Begin to connect with OAuth",
    body: { schema: LoginBody, required: false },
    answers: ok("Where to send the browser.", answers.LoginUrl),
    errors: [400, 403, 409, 413, 500],
  },
  {
    method: "get",
    path: "/pagerduty/oauth/callback",
    tag: "Connection",
    summary: "Where PagerDuty sends the browser back",
    answers: { 302: { description: "To the UI, or to the console, with the result.", schema: null } },
    errors: [],
    open: true,
  },
];

/** PagerDuty's V3 webhook, as far as it is told apart by. */
const V3Webhook = z.looseObject({
  event: z.looseObject({
    id: z.string(),
    event_type: z.string(),
    resource_type: z.string(),
    occurred_at: z.string(),
    data: z.nullish(z.record(z.string(), z.unknown())),
  }),
});

const webhooks: Call[] = [
  {
    method: "post",
    path: "/pagerduty/webhook/{userId}",
    tag: "Webhooks",
    summary: "Where PagerDuty posts the user's events",
    headers: {
      "X-PagerDuty-Signature": "`v1=<hex>[,v1=<hex>…]`, HMAC-SHA256 of the body.",
      "X-Webhook-Id": "The same on every attempt.",
    },
    body: { schema: V3Webhook, required: true },
    answers: {
      202: {
        description: "Taken, for good. `reason` says why nothing but a record is made of it.",
        schema: answers.Received,
      },
    },
    errors: [400, 401, 404, 413, 429, 503],
    open: true,
  },
  {
    method: "get",
    path: "/pagerduty/webhook-url",
    tag: "Webhooks",
    summary: "The user's webhook URL, and how to enter it in PagerDuty",
    answers: ok("The URL.", answers.WebhookUrl),
    errors: [],
  },
  {
    method: "put",
    path: "/pagerduty/signing-secret",
    tag: "Webhooks",
    summary: "Store the signing secret that PagerDuty shows once",
    body: { schema: SigningSecretBody, required: true },
    answers: ok("Stored; the one before stays valid for a day.", answers.Success),
    errors: [400, 403, 404, 413],
  },
  {
    method: "delete",
    path: "/pagerduty/signing-secret",
    tag: "Webhooks",
    summary: "Remove all signing secrets",
    answers: ok("How many there were.", answers.SecretsRemoved),
    errors: [403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/subscription",
    tag: "Webhooks",
    summary: "The webhook subscription, as it is at PagerDuty now",
    answers: ok("The subscription.", answers.Subscription),
    errors: [404, ...pagerdutyErrors],
  },
  {
    method: "post",
    path: "/pagerduty/subscription",
    tag: "Webhooks",
    summary: "Create the webhook subscription, and store its secret",
    body: { schema: SubscribeBody, required: false },
    answers: {
      200: { description: "It was there.", schema: answers.Subscription },
      201: { description: "It was created.", schema: answers.Subscription },
    },
    errors: [400, 404, 413, ...pagerdutyErrors],
  },
  {
    method: "delete",
    path: "/pagerduty/subscription",
    tag: "Webhooks",
    summary: "Remove the webhook subscription",
    answers: ok("Removed.", answers.Success),
    errors: [404, ...pagerdutyErrors],
  },
  {
    method: "post",
    path: "/pagerduty/subscription/ping",
    tag: "Webhooks",
    summary: "Have PagerDuty send its test event",
    answers: { 202: { description: "It is on its way.", schema: answers.Success } },
    errors: [404, ...pagerdutyErrors],
  },
  {
    method: "post",
    path: "/pagerduty/subscription/enable",
    tag: "Webhooks",
    summary: "Enable it after it was switched off",
    answers: ok("The subscription.", answers.Subscription),
    errors: [404, ...pagerdutyErrors],
  },
];

const incidents: Call[] = [
  {
    method: "get",
    path: "/pagerduty/incidents",
    tag: "Incidents",
    summary: "Incidents, newest first",
    query: {
      status: { description: "Only these.", schema: z.enum(["investigating", "resolved"]) },
      ...list,
    },
    answers: ok("A page.", answers.IncidentList),
    errors: [400, 403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/incidents/{incidentId}",
    tag: "Incidents",
    summary: "One incident with its timeline, its events, and why its analysis ran",
    answers: ok("The incident.", answers.IncidentDetail),
    errors: [403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/events",
    tag: "Incidents",
    summary: "What arrived, newest first",
    query: list,
    answers: ok("A page.", answers.EventList),
    errors: [400, 403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/events/{webhookId}",
    tag: "Incidents",
    summary: "One webhook with its payload",
    answers: ok("The event.", answers.EventWithPayload),
    errors: [403, 404],
  },
  {
    method: "post",
    path: "/pagerduty/events/retry",
    tag: "Incidents",
    summary: "Try webhooks again that could not be processed",
    body: { schema: IdsBody, required: false },
    answers: ok("How many.", answers.Retried),
    errors: [400, 403, 404, 413],
  },
  {
    method: "get",
    path: "/pagerduty/activity",
    tag: "Incidents",
    summary: "What came and went in the last 24 hours, by the hour",
    answers: ok("24 hours.", answers.Activity),
    errors: [403, 404],
  },
  {
    method: "post",
    path: "/pagerduty/reconcile",
    tag: "Incidents",
    summary: "Check the subscription and missed incidents now",
    answers: ok("What was found.", answers.Reconciled),
    errors: [404, ...pagerdutyErrors],
  },
  {
    method: "get",
    path: "/pagerduty/live",
    tag: "Incidents",
    summary: "A WebSocket that tells of each change; send `ping` to keep it open",
    answers: { 101: { description: "Messages as in the schema LiveMessage.", schema: null } },
    errors: [403, 426, 429],
  },
];

const deliveries: Call[] = [
  {
    method: "get",
    path: "/pagerduty/deliveries",
    tag: "Deliveries",
    summary: "What is sent to Aurora, newest first",
    query: {
      state: { description: "Only these.", schema: z.enum(["pending", "delivered", "dead"]) },
      ...list,
    },
    answers: ok("A page.", answers.DeliveryList),
    errors: [400, 403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/deliveries/{id}",
    tag: "Deliveries",
    summary: "One delivery with its body",
    answers: ok("The delivery.", answers.DeliveryWithPayload),
    errors: [403, 404],
  },
  {
    method: "post",
    path: "/pagerduty/deliveries/redeliver",
    tag: "Deliveries",
    summary: "Send dead deliveries again",
    body: { schema: IdsBody, required: false },
    answers: ok("How many.", answers.Redelivered),
    errors: [400, 403, 404, 413],
  },
  {
    method: "get",
    path: "/healthz",
    tag: "Operations",
    summary: "Whether the configuration is complete",
    answers: {
      ...ok("It is.", answers.Healthy),
      503: { description: "It is not; the names of what is missing.", schema: answers.Misconfigured },
    },
    errors: [],
    open: true,
  },
  {
    method: "get",
    path: "/openapi.json",
    tag: "Operations",
    summary: "This document",
    answers: ok("OpenAPI 3.1.", z.record(z.string(), z.unknown())),
    errors: [],
    open: true,
  },
  {
    method: "get",
    path: "/docs",
    tag: "Operations",
    summary: "This document, for a person",
    answers: { 200: { description: "A page.", schema: "html" } },
    errors: [],
    open: true,
  },
  {
    method: "get",
    path: "/",
    tag: "Operations",
    summary: "The console, for whom Cloudflare Access lets in; else how a sign-in ended",
    query: {
      oauth: { description: "How a sign-in ended.", schema: z.enum(["success", "failed"]) },
      error: { description: "Why it failed.", schema: z.string() },
    },
    answers: { 200: { description: "A page.", schema: "html" } },
    errors: [403, 404, 503],
    open: true,
  },
];

export const CALLS: readonly Call[] = [...status, ...webhooks, ...incidents, ...deliveries];
