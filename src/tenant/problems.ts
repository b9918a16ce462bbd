import type { MirrorView } from "../aurora/mirror.ts";
import type { Config } from "../config.ts";
import { type Connection, type OAuthConnection, secretsInForce } from "../connection/connection.ts";
import type { RefreshFailure } from "../connection/tokens.ts";
import type { Problem } from "../contract/status-answers.ts";
import type { BeyondLimit } from "../delivery/analysis-limit.ts";
import type { OutboxSummary } from "../delivery/outbox-summary.ts";
import { counted } from "../incidents/text.ts";
import type { Watch } from "../reconcile/watch.ts";
import type { SetAsideSummary } from "../storage/set-aside.ts";
import type { Rejections } from "../webhooks/refusals.ts";
import { analysisProblems, deliveryProblems, mirrorProblems } from "./aurora-problems.ts";

/** All problems that the status can show. Pure. */

/** Refused webhooks are shown for a day only, because strangers post to every public URL sooner or later. */
const SHOW_REFUSALS_MS = 24 * 3600 * 1000;
/** The storage limit of a Durable Object. */
const MAX_STORED_BYTES = 10e9;
/** The status warns early, because above 9 GB the oldest payloads are removed, even if RETENTION_DAYS would keep them. */
const WARN_STORED_BYTES = 7e9;
const SHOW_RE_ENABLED_MS = 24 * 3600 * 1000;
/** How long the status reports incidents that PagerDuty does not show to the stored credential. */
export const SHOW_NOT_VISIBLE_MS = 24 * 3600 * 1000;
/** While the token is still valid, the status shows failed refreshes only after this many in a row. */
const SHOW_REFRESH_FAILURES = 3;

export const CREDENTIALS_UNREADABLE: Problem = {
  code: "credentials_unreadable",
  message:
    "The stored PagerDuty credentials cannot be read: CREDENTIALS_KEYS lacks their key, or another version of the connector stored them.",
  fix: "Add the key to CREDENTIALS_KEYS again or deploy that version, or disconnect and connect again.",
};

export interface ProblemFacts {
  connection: Connection;
  rejected: Rejections;
  delivery: OutboxSummary;
  /** Incidents that Aurora probably did not analyse, because there were too many in a short time; null if none. */
  beyondAnalysisLimit: BeyondLimit | null;
  /** The state of Aurora's copy of the connection; null without AURORA_BACKEND_URL. */
  mirror: MirrorView | null;
  events: Config["events"];
  failedWebhooks: number;
  /** Incidents that could not be processed. */
  setAside: SetAsideSummary;
  storedBytes: number;
  /** How many incidents are named in unsigned webhooks, but are not visible to the stored credential. */
  notVisible: number;
  watch: Watch;
  refreshFailure: RefreshFailure;
  nowMs: number;
}

/** Returns a connection's problems in the order of the status: first the credential's, which can stop all events. */
export function problemsOf(facts: ProblemFacts): Problem[] {
  return [
    ...credentialProblems(facts),
    ...webhookProblems(facts),
    ...subscriptionProblems(facts),
    ...processingProblems(facts),
    ...mirrorProblems(facts.connection, facts.mirror, facts.events),
    ...deliveryProblems(facts.delivery, facts.events),
    ...analysisProblems(facts.beyondAnalysisLimit),
  ];
}

/** Returns the problem of an OAuth connection whose user has to sign in again; otherwise null. */
export function lostSignIn(connection: OAuthConnection, nowMs: number): Problem | null {
  const hasEnded = connection.refreshToken === null && connection.expiresAtMs <= nowMs;
  if (connection.refusedAtMs === null && !hasEnded) return null;
  return {
    code: "oauth_refused",
    message: hasEnded
      ? "The OAuth token has expired, and PagerDuty issued no refresh token."
      : "PagerDuty refuses to refresh the OAuth token: consent was withdrawn, or the refresh token was used elsewhere or lost.",
    fix: "Connect with OAuth again. Incidents, events and the webhook subscription of this account are kept.",
  };
}

function credentialProblems({ connection, refreshFailure, nowMs }: ProblemFacts): Problem[] {
  if (connection.authType === "oauth") {
    return [
      ...accessProblems(connection),
      ...refreshProblems(connection, refreshFailure, nowMs),
      ...scopeProblems(missingScopes(connection)),
    ];
  }
  if (connection.refusedAtMs === null) return [];
  return [
    {
      code: "credential_refused",
      message: "PagerDuty refuses the API token.",
      fix: "Create a new API token in PagerDuty and paste it here; the stored one was revoked or has expired.",
    },
  ];
}

function accessProblems({ accessRefusedAtMs }: OAuthConnection): Problem[] {
  if (accessRefusedAtMs === null) return [];
  return [
    {
      code: "credential_refused",
      message: "PagerDuty's API refuses the OAuth token, even after a refresh.",
      fix: "Connect with OAuth again; if that does not help, check in PagerDuty whether the app or the user was removed.",
    },
  ];
}

function refreshProblems(connection: OAuthConnection, failure: RefreshFailure, nowMs: number): Problem[] {
  const expiresAt = new Date(connection.expiresAtMs).toISOString();
  const hasExpired = connection.expiresAtMs <= nowMs;
  if (connection.refreshToken === null) {
    return [
      {
        code: "oauth_not_refreshable",
        message: `PagerDuty issued no refresh token for this connection, so the connection ends at ${expiresAt}.`,
        fix: "Connect with OAuth again before then; check whether the PagerDuty app may issue refresh tokens.",
      },
    ];
  }
  if (!hasExpired && (failure?.failures ?? 0) < SHOW_REFRESH_FAILURES) return [];
  return [
    {
      code: "oauth_refresh_failing",
      message: `The OAuth token ${hasExpired ? "has expired" : `expires at ${expiresAt}`} and could not be refreshed yet: ${failure?.reason ?? "no answer so far"}.`,
      fix: "Nothing for now: the refresh is retried automatically. If it keeps failing, check PagerDuty's status page and PAGERDUTY_CLIENT_ID, PAGERDUTY_CLIENT_SECRET and PAGERDUTY_IDENTITY_URL.",
    },
  ];
}

/**
 * `without`: what does not work if one of `scopes` was requested but not granted. A Classic app has no scopes
 * except `read` and `write`.
 */
const NEEDS: { scopes: string[]; without: string }[] = [
  {
    scopes: ["incidents.read", "read"],
    without:
      "incidents cannot be read, so webhooks without a signature cannot be confirmed and missed incidents are not recovered",
  },
  {
    scopes: ["webhook_subscriptions.read", "webhook_subscriptions.write"],
    without:
      "the webhook subscription cannot be created, checked or enabled from here; create it by hand in PagerDuty",
  },
  {
    scopes: ["incidents.write", "write"],
    without: "nothing can be changed in PagerDuty; with a Classic app, not even webhook subscriptions",
  },
  { scopes: ["users.read"], without: "the name and address of the user who connected are not shown" },
  { scopes: ["services.read"], without: "services cannot be looked up" },
];
/** Everything works without the scope `openid`, because the account is then read from the API. */
const HARMLESS = "openid";

/** Returns the requested scopes that were not granted. In a Classic app, `write` includes `read`. */
export function missingScopes({ requestedScopes, grantedScopes }: OAuthConnection): string[] {
  const granted = new Set(grantedScopes);
  if (granted.has("write")) granted.add("read");
  return requestedScopes.filter((scope) => !granted.has(scope));
}

function scopeProblems(missing: string[]): Problem[] {
  const known = NEEDS.map(({ scopes, without }) => ({
    names: missing.filter((scope) => scopes.includes(scope)),
    without,
  }));
  const named = new Set([HARMLESS, ...NEEDS.flatMap(({ scopes }) => scopes)]);
  const others = {
    names: missing.filter((scope) => !named.has(scope)),
    without: "features that need it do not work",
  };
  return [...known, others]
    .filter(({ names }) => names.length > 0)
    .map(({ names, without }) => ({
      code: "missing_scopes",
      message: `PagerDuty did not grant ${names.join(" and ")}: ${without}.`,
      fix: `Add ${names.join(" and ")} to the app in PagerDuty (Integrations, App Registration), then connect with OAuth again.`,
    }));
}

function webhookProblems({ connection, rejected, nowMs }: ProblemFacts): Problem[] {
  const problems: Problem[] = [];
  if (secretsInForce(connection, nowMs).length === 0) {
    problems.push({
      code: "no_signing_secret",
      message: "Webhooks cannot be verified: no signing secret is stored.",
      fix: "Create the webhook subscription from here, if the credential may write. Otherwise create the webhook by hand in PagerDuty, and store the signing secret that PagerDuty shows once.",
    });
  }
  if (rejected.count > 0 && nowMs - (rejected.lastAtMs ?? 0) < SHOW_REFUSALS_MS) {
    problems.push({
      code: "webhooks_refused",
      message: `${counted(rejected.count, "webhook was", "webhooks were")} refused: ${rejected.lastReason ?? "the signature does not match"}.`,
      fix: "Copy the signing secret again from PagerDuty's webhook, or create the subscription again from here; PagerDuty shows a secret only once.",
    });
  }
  return problems;
}

function subscriptionProblems({ watch, nowMs }: ProblemFacts): Problem[] {
  const { state, reEnabled, problem, missingEvents } = watch;
  const problems: Problem[] = [];
  if (state === "missing") {
    problems.push({
      code: "subscription_missing",
      message: "PagerDuty no longer has the webhook subscription, so no events arrive.",
      fix: "Create it again on the Connection page of the console or with POST /pagerduty/subscription; incidents missed until then are recovered.",
    });
  }
  if (state === "disabled") {
    problems.push({
      code: "subscription_disabled",
      message: "The webhook subscription is disabled at PagerDuty, so no events arrive.",
      fix: "Enable it on the Connection page of the console or with POST /pagerduty/subscription/enable. The regular checks leave it disabled, because a person disabled it or this credential may not enable it.",
    });
  }
  if (reEnabled && nowMs - reEnabled.atMs < SHOW_RE_ENABLED_MS) {
    problems.push({
      code: "subscription_was_disabled",
      message: `PagerDuty had disabled the webhook subscription. It was enabled again at ${new Date(reEnabled.atMs).toISOString()}, and ${recoveredCount(reEnabled.recovered)}.`,
      fix: "Nothing has to be done, unless it happens again. In that case check that the webhook URL is right and reachable, and that the stored signing secret belongs to the subscription.",
    });
  }
  if (missingEvents.length > 0) {
    problems.push({
      code: "subscription_events_missing",
      message: `The webhook in PagerDuty does not send ${missingEvents.join(", ")}, so these changes of an incident are seen late or not at all.`,
      fix: "Select these events in the webhook's settings in PagerDuty, or create the subscription from here.",
    });
  }
  if (problem === "incomplete") {
    problems.push({
      code: "recovery_incomplete",
      message:
        "More than 10,000 incidents were created in one second. PagerDuty does not list more than that, so some of them may be missing here.",
      fix: "Incidents that change again arrive with their next webhook. Look for the others in PagerDuty.",
    });
  }
  if (problem === "forbidden") {
    problems.push({
      code: "recovery_forbidden",
      message: "The credential may not read what the search for missed incidents needs.",
      fix: "Connect with a key or scopes that may read incidents and webhook subscriptions.",
    });
  }
  return problems;
}

/** The count is 0 if no incident was missed, or if earlier checks have already recovered all missed incidents. */
const recoveredCount = (count: number) =>
  count === 0
    ? "no missed incident was left to recover"
    : `${counted(count, "missed incident was", "missed incidents were")} recovered`;

function processingProblems({ failedWebhooks, setAside, storedBytes, notVisible }: ProblemFacts): Problem[] {
  const problems: Problem[] = [];
  if (failedWebhooks > 0) {
    problems.push({
      code: "webhooks_failed",
      message: `${counted(failedWebhooks, "webhook", "webhooks")} could not be processed; all of them are kept.`,
      fix: "Search the log for webhook.processed with outcome failed; once the cause is fixed, retry them: POST /pagerduty/events/retry.",
    });
  }
  if (notVisible > 0) {
    problems.push({
      code: "incidents_not_visible",
      message: `PagerDuty answers 404 for ${counted(notVisible, "incident", "incidents")} that unsigned webhooks of the last day named: this credential may not see their team, or they do not exist.`,
      fix: "Connect with a key or a user that may see all teams, or store the webhook's signing secret: signed webhooks need no check. If you have no such incidents, a stranger posts to the webhook URL, and nothing is lost.",
    });
  }
  if (setAside.count > 0) {
    problems.push({
      code: "incidents_set_aside",
      message: `${counted(setAside.count, "incident", "incidents")} could not be processed and ${setAside.count === 1 ? "was" : "were"} set aside; the latest is ${setAside.incidentId}: ${setAside.reason}.`,
      fix: "This is a fault of the connector: report it with the log line incident.set_aside. All other incidents are processed as usual; this one is tried again once a day.",
    });
  }
  if (storedBytes > WARN_STORED_BYTES) {
    problems.push({
      code: "storage_nearly_full",
      message: `${(storedBytes / 1e9).toFixed(1)} GB of the ${MAX_STORED_BYTES / 1e9} GB that Cloudflare stores for one organisation are used.`,
      fix: "Set RETENTION_DAYS to fewer days and deploy again: older incidents and events are then removed within a day. Above 9 GB, the oldest payloads are removed in any case.",
    });
  }
  return problems;
}
