import * as z from "zod/mini";
import { ErrorClass, Outcome, Severity, Status } from "../incidents/incident.ts";
import * as answers from "./answers.ts";
import { type Call, counts, list, ok, pagerdutyErrors, timeRange } from "./call.ts";
import * as noteAnswers from "./note-answers.ts";
import { DeliveryState } from "./parts.ts";
import { IdsBody, NoteBody, RedeliverBody } from "./requests.ts";

/** The calls for stored records, and calls such as `GET /healthz`, which need no connection. */

export const incidents: Call[] = [
  {
    method: "get",
    path: "/pagerduty/incidents",
    tag: "Incidents",
    summary: "List incidents, newest first",
    query: {
      status: {
        description: "Only incidents with this status.",
        schema: Status,
      },
      severity: { description: "Only incidents with this severity.", schema: Severity },
      service: { description: "Only incidents of the service with this id or name.", schema: z.string() },
      q: {
        description:
          "Words to search for in title, number and service name: each has to be found, in any order. Ignores case and diacritics.",
        schema: z.string(),
      },
      ...timeRange("started"),
      ...counts,
      ...list,
    },
    answers: ok("A page.", answers.IncidentList),
    errors: [400, 403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/incidents/{incidentId}",
    tag: "Incidents",
    summary:
      "Get an incident with its timeline, its events, its deliveries to Aurora and the reason for its analysis",
    answers: ok("The incident.", answers.IncidentDetail),
    errors: [403, 404],
  },
  {
    method: "post",
    path: "/pagerduty/incidents/{incidentId}/notes",
    tag: "Incidents",
    summary: "Write a note on the incident at PagerDuty",
    body: { schema: NoteBody, required: true },
    answers: {
      202: {
        description: "The note is stored; its state says whether it was written.",
        schema: noteAnswers.NoteAccepted,
      },
    },
    errors: [400, 403, 404, 409, 413, 429],
  },
  {
    method: "get",
    path: "/pagerduty/incidents/{incidentId}/notes",
    tag: "Incidents",
    summary: "List the notes that were written on the incident with this API, newest first",
    query: list,
    answers: ok("A page.", noteAnswers.NoteList),
    errors: [400, 403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/events",
    tag: "Incidents",
    summary: "List received events, newest first",
    query: {
      type: { description: "Only events of this type, such as `incident.triggered`.", schema: z.string() },
      outcome: { description: "Only events with this outcome.", schema: Outcome },
      q: {
        description:
          "Words to search for in the incident's title, number and service name, and in the webhook's id: each has to be found, in any order. Ignores case and diacritics.",
        schema: z.string(),
      },
      ...timeRange("received"),
      ...counts,
      ...list,
    },
    answers: ok("A page.", answers.EventList),
    errors: [400, 403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/events/{webhookId}",
    tag: "Incidents",
    summary: "Get a received webhook with its payload",
    answers: ok("The event.", answers.EventWithPayload),
    errors: [403, 404],
  },
  {
    method: "post",
    path: "/pagerduty/events/retry",
    tag: "Incidents",
    summary: "Retry webhooks that could not be processed",
    body: { schema: IdsBody, required: false },
    answers: ok("`retried` is the number of webhooks.", answers.Retried),
    errors: [400, 403, 404, 413],
  },
  {
    method: "get",
    path: "/pagerduty/activity",
    tag: "Incidents",
    summary: "Count webhooks, refusals and deliveries of the last 24 hours, by hour",
    answers: ok("The counts.", answers.Activity),
    errors: [403, 404],
  },
  {
    method: "post",
    path: "/pagerduty/reconcile",
    tag: "Incidents",
    summary: "Check the subscription and search for missed incidents now",
    answers: ok("The result of the check.", answers.Reconciled),
    errors: [404, 413, ...pagerdutyErrors],
  },
  {
    method: "get",
    path: "/pagerduty/live",
    tag: "Incidents",
    summary: "Open a WebSocket that reports each change; send `ping` to keep it open",
    answers: {
      101: { description: "A WebSocket, whose messages have this schema.", schema: answers.LiveMessage },
    },
    errors: [403, 426, 429],
  },
];

export const deliveries: Call[] = [
  {
    method: "get",
    path: "/pagerduty/deliveries",
    tag: "Deliveries",
    summary: "List deliveries to Aurora, newest first",
    query: {
      state: {
        description: "Only deliveries in this state.",
        schema: DeliveryState,
      },
      error: {
        description: "Only deliveries whose last attempt failed for this reason.",
        schema: ErrorClass,
      },
      ...timeRange("created"),
      ...counts,
      ...list,
    },
    answers: ok("A page.", answers.DeliveryList),
    errors: [400, 403, 404],
  },
  {
    method: "get",
    path: "/pagerduty/deliveries/{id}",
    tag: "Deliveries",
    summary: "Get a delivery with its body",
    answers: ok("The delivery.", answers.DeliveryWithPayload),
    errors: [403, 404],
  },
  {
    method: "post",
    path: "/pagerduty/deliveries/redeliver",
    tag: "Deliveries",
    summary: "Send failed deliveries again, or waiting ones now",
    body: { schema: RedeliverBody, required: false },
    answers: ok("`redelivered` is the number of deliveries.", answers.Redelivered),
    errors: [400, 403, 404, 413],
  },
  {
    method: "get",
    path: "/pagerduty/deliveries/redeliver",
    tag: "Deliveries",
    summary: "Get the progress of the latest redelivery",
    answers: ok("The progress.", answers.Redelivery),
    errors: [403, 404],
  },
  {
    method: "delete",
    path: "/pagerduty/deliveries/redeliver",
    tag: "Deliveries",
    summary: "Stop the latest redelivery",
    answers: ok("`stopped` is the number of deliveries that are dead again.", answers.Stopped),
    errors: [403, 404],
  },
  {
    method: "get",
    path: "/healthz",
    tag: "Operations",
    summary: "Check that the configuration is complete",
    answers: {
      ...ok("The configuration is complete.", answers.Healthy),
      503: {
        description: "Settings are missing or malformed; `problems` names them.",
        schema: answers.Misconfigured,
      },
    },
    errors: [],
    open: true,
  },
  {
    method: "get",
    path: "/openapi.json",
    tag: "Operations",
    summary: "Get this document",
    answers: ok("OpenAPI 3.1.", z.record(z.string(), z.unknown())),
    errors: [500],
    open: true,
  },
  {
    method: "get",
    path: "/docs",
    tag: "Operations",
    summary: "Open this document as a page",
    answers: { 200: { description: "A page.", schema: "html" } },
    errors: [500],
    open: true,
  },
  {
    method: "get",
    path: "/",
    tag: "Operations",
    summary: "Open the console if Cloudflare Access admits the visitor; else show the result of a sign-in",
    query: {
      oauth: { description: "The result of a sign-in.", schema: z.enum(["success", "failed"]) },
      error: { description: "Why the sign-in failed.", schema: z.string() },
    },
    answers: { 200: { description: "A page.", schema: "html" } },
    errors: [403, 404, 500, 503],
    open: true,
  },
];
