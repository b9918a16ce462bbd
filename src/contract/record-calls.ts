import * as z from "zod/mini";
import * as answers from "./answers.ts";
import { type Call, list, ok, pagerdutyErrors } from "./call.ts";
import { IdsBody } from "./requests.ts";

/** The calls about what is stored, and about the Worker itself. */

export const incidents: Call[] = [
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

export const deliveries: Call[] = [
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
