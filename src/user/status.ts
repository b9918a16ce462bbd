import type { Connection } from "../credentials/connection.ts";
import { secretsInForce } from "../credentials/connection.ts";
import type { OutboxSummary } from "../incidents/outbox.ts";
import { oauthProblems, oauthView } from "./oauth-status.ts";
import type { RefreshTrouble } from "./tokens.ts";

/** The status that Aurora's UI shows, put together from facts. Pure. */

export interface Problem {
  code: string;
  /** What is wrong, for a person. */
  message: string;
  /** What to do about it. */
  fix: string;
}

/** Webhooks that were turned away, and why the last one was. */
export interface Rejections {
  count: number;
  lastAtMs: number | null;
  lastReason: string | null;
}

/** What is known about webhooks besides the connection. Times in milliseconds. */
export interface WebhookFacts {
  url: string;
  lastEventAtMs: number | null;
  lastPingAtMs: number | null;
  rejected: Rejections;
  subscriptionState: "active" | "disabled" | "missing";
}

/** Refusals of longer ago are history: strangers knock at every URL some time. */
const SPEAK_OF_REFUSALS_MS = 24 * 3600 * 1000;

const counted = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;

const iso = (atMs: number | null) => (atMs === null ? null : new Date(atMs).toISOString());

export interface StatusFacts {
  connection: Connection;
  webhook: WebhookFacts;
  delivery: OutboxSummary;
  /** Webhooks that could not be processed. */
  failedWebhooks: number;
  /** What the guardian has to say. */
  guardian: Problem[];
  /** Why an OAuth token could not be refreshed. */
  refreshTrouble: RefreshTrouble;
  nowMs: number;
}

/** Whether the connection may read and write incidents; `can_write_incidents` only where it is known. */
function capabilities(connection: Connection) {
  const scopes = connection.authType === "oauth" ? new Set(connection.grantedScopes) : null;
  const grants = (...names: string[]) => names.some((name) => scopes?.has(name));
  const canRead = scopes === null || grants("incidents.read", "incidents.write", "read", "write");
  const canWrite = scopes === null ? connection.canWriteIncidents : grants("incidents.write", "write");
  return {
    can_read_incidents: canRead,
    ...(canWrite === null ? {} : { can_write_incidents: canWrite }),
  };
}

function webhookProblems(facts: StatusFacts, verified: boolean): Problem[] {
  const { rejected } = facts.webhook;
  const problems: Problem[] = [];
  if (!verified) {
    problems.push({
      code: "no_signing_secret",
      message: "Webhooks cannot be verified: no signing secret is stored.",
      fix: "Create the webhook subscription from here, or paste the signing secret that PagerDuty showed when the webhook was made.",
    });
  }
  if (rejected.count > 0 && facts.nowMs - (rejected.lastAtMs ?? 0) < SPEAK_OF_REFUSALS_MS) {
    problems.push({
      code: "webhooks_refused",
      message: `${counted(rejected.count, "webhook was", "webhooks were")} refused: ${rejected.lastReason ?? "the signature does not match"}.`,
      fix: "Copy the signing secret again from PagerDuty's webhook, or create the subscription anew from here; PagerDuty shows a secret only once.",
    });
  }
  return problems;
}

/** `GET /pagerduty` for a connected user. */
export function statusOf(facts: StatusFacts) {
  const { connection, webhook, delivery, nowMs } = facts;
  const verified = secretsInForce(connection, nowMs).length > 0;
  const problems = webhookProblems(facts, verified);
  if (connection.refusedAtMs !== null && connection.authType === "api_token") {
    problems.unshift({
      code: "credential_refused",
      message: "PagerDuty refuses the API token.",
      fix: "Make a new API token in PagerDuty and paste it here; the old one was revoked or has expired.",
    });
  }
  if (connection.authType === "oauth") {
    problems.unshift(...oauthProblems(connection, facts.refreshTrouble, nowMs));
  }
  problems.push(...facts.guardian);
  if (facts.failedWebhooks > 0) {
    problems.push({
      code: "webhooks_failed",
      message: `${counted(facts.failedWebhooks, "webhook", "webhooks")} could not be processed; nothing of it is lost.`,
      fix: "Look for webhook.processed with outcome failed in the log; when the cause is mended, try them again: POST /pagerduty/events/retry.",
    });
  }
  if (delivery.dead > 0) {
    problems.push({
      code: "deliveries_dead",
      message: `${counted(delivery.dead, "notification", "notifications")} could not be delivered to Aurora: ${delivery.lastError ?? "unknown"}.`,
      fix: "Mend Aurora's endpoint (AURORA_EVENTS_URL), then redeliver them: POST /pagerduty/deliveries/redeliver.",
    });
  }
  if (delivery.dead === 0 && delivery.pending > 0 && delivery.lastError !== null) {
    problems.push({
      code: "deliveries_failing",
      message: `${counted(delivery.pending, "notification waits", "notifications wait")}: ${delivery.lastError}.`,
      fix: "Nothing is lost: it is tried again by itself, by DELIVERY_SCHEDULE. If it goes on, look at Aurora's endpoint (AURORA_EVENTS_URL) and at what its log says of these requests.",
    });
  }
  return {
    connected: true as const,
    displayName: connection.displayName,
    validatedAt: connection.validatedAt,
    authType: connection.authType,
    capabilities: capabilities(connection),
    externalUserEmail: connection.externalUserEmail,
    externalUserName: connection.externalUserName,
    accountSubdomain: connection.accountSubdomain,
    region: connection.region,
    webhook: {
      url: webhook.url,
      verification: verified ? ("signature" as const) : ("callback" as const),
      subscription: connection.subscription
        ? { id: connection.subscription.id, state: webhook.subscriptionState }
        : null,
      lastEventAt: iso(webhook.lastEventAtMs),
      lastPingAt: iso(webhook.lastPingAtMs),
      rejected: {
        count: webhook.rejected.count,
        lastAt: iso(webhook.rejected.lastAtMs),
        lastReason: webhook.rejected.lastReason,
      },
    },
    delivery: {
      pending: delivery.pending,
      dead: delivery.dead,
      lastDeliveredAt: iso(delivery.lastDeliveredAtMs),
      lastError: delivery.lastError,
    },
    oauth: connection.authType === "oauth" ? oauthView(connection) : null,
    problems,
  };
}
