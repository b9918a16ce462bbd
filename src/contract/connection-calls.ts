import * as z from "zod/mini";
import * as answers from "./answers.ts";
import { type Call, ok, pagerdutyErrors } from "./call.ts";
import { ConnectBody, LoginBody, RotateBody, SigningSecretBody, SubscribeBody } from "./requests.ts";

/** The calls about the connection and its webhook. */

export const connection: Call[] = [
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

export const webhooks: Call[] = [
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
