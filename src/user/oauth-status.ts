import type { OAuthConnection } from "../credentials/connection.ts";
import type { Problem } from "./status.ts";
import type { RefreshTrouble } from "./tokens.ts";

/** What the status says about an OAuth connection. Pure. */

/** After this many failures in a row it is said, although the token is still valid. */
const FAILURES_TO_SPEAK_OF = 3;

/** What does not work without which scopes; Classic apps have only `read` and `write`. */
const NEEDS: { scopes: string[]; without: string }[] = [
  {
    scopes: ["incidents.read", "read"],
    without:
      "incidents cannot be read, so webhooks without a signature cannot be confirmed and missed incidents are not recovered",
  },
  {
    scopes: ["webhook_subscriptions.read", "webhook_subscriptions.write"],
    without:
      "the webhook subscription cannot be created, watched or mended from here; it has to be made by hand in PagerDuty",
  },
  {
    scopes: ["incidents.write", "write"],
    without: "nothing can be changed in PagerDuty, webhook subscriptions of a Classic app included",
  },
  { scopes: ["users.read"], without: "the name and address of the user who connected are not shown" },
  { scopes: ["services.read"], without: "services cannot be looked up" },
];
/** Without it the account is found out over the API instead: nothing stops working. */
const HARMLESS = "openid";

/** What was asked for and not granted. A Classic app's `write` includes `read`. */
export function missingScopes({ requestedScopes, grantedScopes }: OAuthConnection): string[] {
  const granted = new Set(grantedScopes);
  if (granted.has("write")) granted.add("read");
  return requestedScopes.filter((scope) => !granted.has(scope));
}

/** `oauth` of the status. */
export function oauthView(connection: OAuthConnection) {
  return {
    expiresAt: new Date(connection.expiresAtMs).toISOString(),
    scopes: connection.grantedScopes,
    missingScopes: missingScopes(connection),
  };
}

/**
 * The whole status of a connection that only a new sign-in can bring back; null while it lives.
 * The error's words are the ones that Aurora's UI knows.
 */
export function lostSignIn(connection: OAuthConnection, nowMs: number) {
  const isOver = connection.refreshToken === null && connection.expiresAtMs <= nowMs;
  if (connection.refusedAtMs === null && !isOver) return null;
  const problem: Problem = {
    code: "oauth_refused",
    message: isOver
      ? "The OAuth token has expired, and PagerDuty gave none to renew it with."
      : "PagerDuty refuses to renew the OAuth token: the consent was taken back, or the token was used elsewhere or lost on the way.",
    fix: "Connect with OAuth again. Incidents, events and the webhook subscription of this account are kept.",
  };
  return {
    connected: false as const,
    error: "OAuth token expired, please reconnect",
    problems: [problem],
  };
}

/** What a person should know about a connection that lives. */
export function oauthProblems(
  connection: OAuthConnection,
  trouble: RefreshTrouble,
  nowMs: number,
): Problem[] {
  return [
    ...accessProblems(connection),
    ...refreshProblems(connection, trouble, nowMs),
    ...scopeProblems(missingScopes(connection)),
  ];
}

function accessProblems({ accessRefusedAtMs }: OAuthConnection): Problem[] {
  if (accessRefusedAtMs === null) return [];
  return [
    {
      code: "credential_refused",
      message: "PagerDuty's API refuses the OAuth token, although it was renewed.",
      fix: "Connect with OAuth again; if that does not help, see in PagerDuty whether the app or the user was removed.",
    },
  ];
}

function refreshProblems(connection: OAuthConnection, trouble: RefreshTrouble, nowMs: number): Problem[] {
  const until = new Date(connection.expiresAtMs).toISOString();
  const hasExpired = connection.expiresAtMs <= nowMs;
  if (connection.refreshToken === null) {
    return [
      {
        code: "oauth_not_refreshable",
        message: `PagerDuty gave no token to renew this connection with; it ends at ${until}.`,
        fix: "Connect with OAuth again before then; see whether the PagerDuty app may issue refresh tokens.",
      },
    ];
  }
  if (!hasExpired && (trouble?.failures ?? 0) < FAILURES_TO_SPEAK_OF) return [];
  return [
    {
      code: "oauth_refresh_failing",
      message: `The OAuth token ${hasExpired ? "has expired" : `ends at ${until}`} and could not be renewed yet: ${trouble?.reason ?? "no answer so far"}.`,
      fix: "Nothing for now, it is tried again by itself. If this lasts, check PagerDuty's status page and PAGERDUTY_CLIENT_ID, PAGERDUTY_CLIENT_SECRET and PAGERDUTY_IDENTITY_URL.",
    },
  ];
}

/** One for each thing that does not work. */
function scopeProblems(missing: string[]): Problem[] {
  const known = NEEDS.map(({ scopes, without }) => ({
    names: missing.filter((scope) => scopes.includes(scope)),
    without,
  }));
  const named = new Set([HARMLESS, ...NEEDS.flatMap(({ scopes }) => scopes)]);
  const others = {
    names: missing.filter((scope) => !named.has(scope)),
    without: "what needs it does not work",
  };
  return [...known, others]
    .filter(({ names }) => names.length > 0)
    .map(({ names, without }) => ({
      code: "missing_scopes",
      message: `PagerDuty did not grant ${names.join(" and ")}: ${without}.`,
      fix: `Add ${names.join(" and ")} to the app in PagerDuty (Integrations, App Registration), then connect with OAuth again.`,
    }));
}
