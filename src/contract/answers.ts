import * as z from "zod/mini";
import { type ErrorCode, STATUS_OF } from "../errors.ts";
import { Context } from "../incidents/context.ts";
import { ErrorClass, Incident, IncidentHead, Outcome, Verification } from "../incidents/incident.ts";
import { DeliveryState, SubscriptionAt, Text, Time } from "./parts.ts";
import { Connected } from "./status-answers.ts";

/**
 * Schemas of the API's answers. The reference (scripts/openapi.ts) and the types of clients are made from these
 * schemas. Tests check the Worker's answers with these schemas. The Worker itself does not load this file.
 */

const isErrorCode = (code: string): code is ErrorCode => code in STATUS_OF;
const ERROR_CODES = Object.keys(STATUS_OF).filter(isErrorCode);

export const Failure = z
  .object({ error: z.string(), code: z.enum(ERROR_CODES), detail: z.optional(z.string()) })
  .register(z.globalRegistry, { id: "Failure", description: "The answer to a call that failed." });

export const ConnectAnswer = z
  .extend(Connected, {
    success: z.literal(true),
    subscribed: z
      .optional(z.object({ id: Text, error: Text }))
      .register(z.globalRegistry, { description: "The result of `subscribe`." }),
  })
  .register(z.globalRegistry, { id: "ConnectAnswer" });
export type ConnectAnswer = z.infer<typeof ConnectAnswer>;

export const Success = z.object({ success: z.literal(true) });
export const Disconnected = z.extend(Success, {
  deleted: z.int(),
  subscriptionDeleted: z.nullable(z.boolean()),
});
export type Disconnected = z.infer<typeof Disconnected>;
export const SecretsRemoved = z.extend(Success, { deleted: z.int() });
export const WebhookUrl = z.object({ webhookUrl: z.string(), instructions: z.array(z.string()) });
export type WebhookUrl = z.infer<typeof WebhookUrl>;
export const LoginUrl = z.object({ oauth_url: z.string() });
export type LoginUrl = z.infer<typeof LoginUrl>;

export const Subscription = z
  .object({
    id: z.string(),
    url: z.string(),
    state: z.enum(["active", "disabled"]),
    events: z.array(z.string()),
    filter: z.object({ type: z.string(), id: Text }),
  })
  .register(z.globalRegistry, { id: "Subscription" });
export type Subscription = z.infer<typeof Subscription>;

export const Reconciled = z.object({
  checked: z.int(),
  recovered: z.int(),
  subscription: SubscriptionAt,
});
export type Reconciled = z.infer<typeof Reconciled>;

export const PagerDutyIncident = z.extend(Incident, {}).register(z.globalRegistry, { id: "Incident" });
export type PagerDutyIncident = z.infer<typeof PagerDutyIncident>;

export const ReceivedEvent = z
  .object({
    webhookId: Text,
    eventId: Text,
    type: z.string(),
    incidentId: Text,
    occurredAt: Text,
    receivedAt: z.nullable(Time),
    verification: z.nullable(Verification),
    outcome: Outcome,
    reason: Text,
  })
  .register(z.globalRegistry, { id: "Event" });
export type ReceivedEvent = z.infer<typeof ReceivedEvent>;

const Head = z.nullable(IncidentHead).register(z.globalRegistry, {
  description: "The members that identify the incident; null if there is none, or only its id is known.",
});

export const ListedEvent = z
  .extend(ReceivedEvent, { incident: Head })
  .register(z.globalRegistry, { id: "ListedEvent" });
export type ListedEvent = z.infer<typeof ListedEvent>;

export const EventWithPayload = z
  .extend(ListedEvent, {
    payload: z
      .unknown()
      .register(z.globalRegistry, { description: "The body as received: parsed if it is JSON, else text." }),
  })
  .register(z.globalRegistry, { id: "EventWithPayload" });
export type EventWithPayload = z.infer<typeof EventWithPayload>;

/** The answer to PagerDuty's webhook. */
export const Received = z.object({ received: z.literal(true), reason: z.optional(z.string()) });

const AnalysisNote = z.discriminatedUnion("state", [
  z.object({ state: z.literal("none"), reason: z.string() }),
  z.object({ state: z.literal("waiting"), dueAt: z.nullable(Time), reason: z.string() }),
  z.object({ state: z.literal("requested"), at: z.nullable(Time), reason: z.string(), runbookUrl: Text }),
]);

export const Delivery = z
  .object({
    id: z.string().register(z.globalRegistry, { description: "The `webhook-id` of every attempt." }),
    type: Text,
    incidentId: Text,
    incident: Head,
    version: z.nullable(z.int()),
    change: Text,
    webhookId: Text,
    state: z.nullable(DeliveryState),
    attempts: z.int(),
    createdAt: z.nullable(Time),
    nextAttemptAt: z.nullable(Time),
    deliveredAt: z.nullable(Time),
    lastError: Text,
    cause: Text,
    lastStatus: z.nullable(z.int()).register(z.globalRegistry, {
      description:
        "The status of Aurora's answer to the last attempt; null if there was no attempt or no answer.",
    }),
    errorClass: z.nullable(ErrorClass),
  })
  .register(z.globalRegistry, { id: "Delivery" });
export type Delivery = z.infer<typeof Delivery>;

export const IncidentDetail = z
  .extend(Incident, {
    analysis: AnalysisNote.register(z.globalRegistry, {
      description: "Whether root-cause analysis was requested, and why.",
    }),
    context: z.nullable(Context).register(z.globalRegistry, {
      description:
        "What PagerDuty knew about the incident when its analysis was requested; null if it was not read.",
    }),
    timeline: z
      .array(z.object({ at: Text, kind: z.string(), from: Text, to: Text, text: Text }))
      .register(z.globalRegistry, { description: "The newest 500 lines, oldest first." }),
    events: z
      .array(ReceivedEvent)
      .register(z.globalRegistry, { description: "The newest 500 events, oldest first." }),
    deliveries: z
      .array(Delivery)
      .register(z.globalRegistry, { description: "The newest 50 deliveries to Aurora, oldest first." }),
  })
  .register(z.globalRegistry, { id: "IncidentDetail" });
export type IncidentDetail = z.infer<typeof IncidentDetail>;

export const DeliveryWithPayload = z
  .extend(Delivery, {
    payload: z.unknown().register(z.globalRegistry, {
      description: "The body that is sent to Aurora in the configured format; null if part of it is missing.",
    }),
    followUps: z.array(z.unknown()).register(z.globalRegistry, {
      description: "Further bodies, each with its own id. They are sent after the first body was accepted.",
    }),
    target: Text,
    headers: z.record(z.string(), z.string()).register(z.globalRegistry, {
      description: "The headers of the request, by name; secrets are described, not shown.",
    }),
    failedAttempts: z
      .array(
        z.object({
          at: Time,
          status: z.nullable(z.int()),
          answer: z.string(),
          durationMs: z.int(),
          early: z.boolean(),
        }),
      )
      .register(z.globalRegistry, {
        description: "The newest 100 failed attempts, oldest first.",
      }),
  })
  .register(z.globalRegistry, { id: "DeliveryWithPayload" });
export type DeliveryWithPayload = z.infer<typeof DeliveryWithPayload>;

/** The number of rows that a list would show if this choice of a filter were selected. */
const ChoiceCount = z
  .object({ count: z.int(), more: z.boolean() })
  .register(z.globalRegistry, { id: "ChoiceCount" });
const Counts = z.optional(z.record(z.string(), z.record(z.string(), ChoiceCount)));
export type Counts = z.infer<typeof Counts>;

export const IncidentList = z.object({
  incidents: z.array(PagerDutyIncident).register(z.globalRegistry, {
    description: "Long texts and values are cut; `GET /pagerduty/incidents/{incidentId}` returns them whole.",
  }),
  nextCursor: Text,
  counts: Counts,
});
export type IncidentList = z.infer<typeof IncidentList>;
export const EventList = z.object({ events: z.array(ListedEvent), nextCursor: Text, counts: Counts });
export type EventList = z.infer<typeof EventList>;
export const DeliveryList = z.object({ deliveries: z.array(Delivery), nextCursor: Text, counts: Counts });
export type DeliveryList = z.infer<typeof DeliveryList>;
export const Retried = z.object({ retried: z.int() });
export const Redelivered = z.object({ redelivered: z.int() });
export type Redelivered = z.infer<typeof Redelivered>;

const Measured = z.object({
  received: z.int(),
  refused: z.int(),
  delivered: z.int(),
  failed: z.int(),
  latencyMs: z.nullable(z.int()),
  medianMs: z.nullable(z.int()),
  p95Ms: z.nullable(z.int()),
});
export const Redelivery = z
  .object({
    startedAt: z.nullable(Time),
    pending: z.int(),
    delivered: z.int(),
    failed: z.int(),
    more: z.boolean(),
  })
  .register(z.globalRegistry, { id: "Redelivery" });
export type Redelivery = z.infer<typeof Redelivery>;
export const Stopped = z.object({ stopped: z.int() });
export type Stopped = z.infer<typeof Stopped>;

export const Activity = z.object({
  hours: z.array(z.extend(Measured, { hour: Time })).register(z.globalRegistry, {
    description: "The last 24 hours, oldest first; the current hour is last.",
  }),
  day: Measured.register(z.globalRegistry, { description: "All 24 hours together." }),
  completeSince: Time,
});
export type Activity = z.infer<typeof Activity>;

export const Healthy = z.object({ status: z.literal("ok"), version: z.string() });
export const Misconfigured = z.object({
  status: z.literal("misconfigured"),
  version: z.string(),
  error: z.string(),
  code: z.literal("misconfigured"),
  problems: z.array(z.object({ name: z.string(), problem: z.string() })),
});

/** A message of `GET /pagerduty/live`. */
export const LiveMessage = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("incident"),
      incident: z.omit(Incident, { description: true, customFields: true }),
    }),
    z.object({ type: z.literal("delivery"), delivery: Delivery }),
    z.object({
      type: z.literal("status"),
      connected: z.boolean(),
      reload: z.boolean(),
    }),
  ])
  .register(z.globalRegistry, { id: "LiveMessage" });
export type LiveMessage = z.infer<typeof LiveMessage>;
