import * as z from "zod/mini";
import * as answers from "./answers.ts";
import { type Call, ok, pagerdutyErrors } from "./call.ts";
import { ConnectBody, LoginBody, RotateBody, SigningSecretBody, SubscribeBody } from "./requests.ts";
import { Status } from "./status-answers.ts";

/** The calls for the connection and its webhook. */

export const connection: Call[] = [
  {
    method: "get",
    path: "/pagerduty",
    tag: "Connection",
    summary: "Get the connection's status",
    answers: ok("Whether PagerDuty is connected, and the problems that keep events from flowing.", Status),
    errors: [],
  },
  {
    method: "post",
    path: "/pagerduty",
    tag: "Connection",
    summary: "Connect with an API token",
    body: { schema: ConnectBody, required: true },
    answers: ok("Connected.", answers.ConnectAnswer),
    errors: [400, 404, 413, ...pagerdutyErrors],
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
    summary: "Disconnect and delete all stored data",
    answers: ok("Disconnected. `deleted` is 0 if there was no connection.", answers.Disconnected),
    errors: [],
  },
  {
    method: "post",
    path: "/pagerduty/oauth/login",
    tag: "Connection",
    summary: "Start connecting with OAuth",
    body: { schema: LoginBody, required: false },
    answers: ok("The URL that the browser has to open.", answers.LoginUrl),
    errors: [400, 403, 413, 500],
  },
  {
    method: "get",
    path: "/pagerduty/oauth/callback",
    tag: "Connection",
    summary: "Receive the browser from PagerDuty after a sign-in",
    answers: { 302: { description: "Redirects to the UI, or the console, with the result.", schema: null } },
    errors: [],
    open: true,
  },
];

/** The connector requires these members in PagerDuty's V3 webhook. */
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
    summary: "Receive events from PagerDuty",
    headers: {
      "X-PagerDuty-Signature": "`v1=<hex>[,v1=<hex>…]`, HMAC-SHA256 of the body.",
      "X-Webhook-Id": "The same in every attempt to send the event.",
      "X-Webhook-Subscription":
        "The subscription's id. If organisations share the URL and no secret matches, the owner of the subscription decides.",
    },
    body: { schema: V3Webhook, required: true },
    answers: {
      202: {
        description: "Accepted and stored durably. `reason` says why an event is only recorded.",
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
    summary: "Get the user's webhook URL, with instructions for PagerDuty",
    answers: ok("The URL and the instructions.", answers.WebhookUrl),
    errors: [],
  },
  {
    method: "put",
    path: "/pagerduty/signing-secret",
    tag: "Webhooks",
    summary: "Store the signing secret that PagerDuty shows once",
    body: { schema: SigningSecretBody, required: true },
    answers: ok("Stored. The previous secret stays valid for a day.", answers.Success),
    errors: [400, 403, 404, 413],
  },
  {
    method: "delete",
    path: "/pagerduty/signing-secret",
    tag: "Webhooks",
    summary: "Remove all signing secrets",
    answers: ok("`deleted` is the number of secrets removed.", answers.SecretsRemoved),
    errors: [403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/subscription",
    tag: "Webhooks",
    summary: "Get the webhook subscription's current state at PagerDuty",
    answers: ok("The subscription.", answers.Subscription),
    errors: [404, ...pagerdutyErrors],
  },
  {
    method: "post",
    path: "/pagerduty/subscription",
    tag: "Webhooks",
    summary: "Create the webhook subscription and store its secret",
    body: { schema: SubscribeBody, required: false },
    answers: {
      200: { description: "The subscription existed already.", schema: answers.Subscription },
      201: { description: "The subscription was created.", schema: answers.Subscription },
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
    summary: "Ask PagerDuty to send its test event",
    answers: { 202: { description: "PagerDuty accepted the request.", schema: answers.Success } },
    errors: [404, 413, ...pagerdutyErrors],
  },
  {
    method: "post",
    path: "/pagerduty/subscription/enable",
    tag: "Webhooks",
    summary: "Enable a disabled webhook subscription",
    answers: ok("The subscription.", answers.Subscription),
    errors: [404, 413, ...pagerdutyErrors],
  },
];
