import * as z from "zod/mini";
import { SubscriptionAt, Text, Time } from "./parts.ts";

/** The status of a connection, as the API returns it. The Worker does not load this file. */

/** Every problem that the status can show. */
const ProblemCode = z.enum([
  "credentials_unreadable",
  "oauth_refused",
  "credential_refused",
  "oauth_not_refreshable",
  "oauth_refresh_failing",
  "missing_scopes",
  "no_signing_secret",
  "webhooks_refused",
  "subscription_missing",
  "subscription_disabled",
  "subscription_was_disabled",
  "subscription_events_missing",
  "recovery_forbidden",
  "recovery_incomplete",
  "webhooks_failed",
  "incidents_not_visible",
  "incidents_set_aside",
  "storage_nearly_full",
  "aurora_cannot_know",
  "aurora_unaware",
  "deliveries_dead",
  "deliveries_failing",
  "analysis_limit",
]);

export type ProblemCode = z.infer<typeof ProblemCode>;

export const Problem = z
  .object({ code: ProblemCode, message: z.string(), fix: z.string() })
  .register(z.globalRegistry, {
    id: "Problem",
    description: "A problem that keeps events from flowing, and how to fix it.",
  });
export type Problem = z.infer<typeof Problem>;

const WebhookStatus = z.object({
  url: z.string(),
  verification: z.enum(["signature", "callback"]),
  subscription: SubscriptionAt,
  lastEventAt: z.nullable(Time),
  lastPingAt: z.nullable(Time),
  rejected: z.object({ count: z.int(), lastAt: z.nullable(Time), lastReason: Text }),
});

const DeliveryStatus = z.object({
  pending: z.int(),
  dead: z.int(),
  lastDeliveredAt: z.nullable(Time),
  lastError: Text,
  cause: Text,
  target: Text,
});

const OAuthStatus = z.object({
  expiresAt: Time,
  scopes: z.array(z.string()),
  missingScopes: z.array(z.string()),
});

const AuroraStatus = z.object({
  knowsConnection: z.nullable(z.boolean()).register(z.globalRegistry, {
    description: "Whether Aurora's backend holds a credential for the organisation; null while unknown.",
  }),
  checkedAt: z.nullable(Time),
});

export const Connected = z
  .object({
    connected: z.literal(true),
    displayName: z.string(),
    validatedAt: Time,
    authType: z.enum(["api_token", "oauth"]),
    capabilities: z.object({
      can_read_incidents: z.boolean(),
      can_write_incidents: z
        .optional(z.boolean())
        .register(z.globalRegistry, { description: "Left out while unknown." }),
    }),
    externalUserEmail: Text,
    externalUserName: Text,
    accountSubdomain: Text,
    connectedBy: z.string().register(z.globalRegistry, { description: "The user who connected." }),
    region: z.enum(["us", "eu"]),
    webhook: WebhookStatus,
    delivery: DeliveryStatus,
    oauth: z.nullable(OAuthStatus),
    aurora: z
      .nullable(AuroraStatus)
      .register(z.globalRegistry, { description: "Null without AURORA_BACKEND_URL." }),
    problems: z.array(Problem),
  })
  .register(z.globalRegistry, { id: "Connected" });
export type Connected = z.infer<typeof Connected>;

export const NotConnected = z
  .object({
    connected: z.literal(false),
    error: z.optional(z.string()),
    problems: z.optional(z.array(Problem)),
  })
  .register(z.globalRegistry, { id: "NotConnected" });

export const Status = z.union([Connected, NotConnected]);
export type Status = z.infer<typeof Status>;
