import * as z from "zod/mini";
import { Region } from "../pagerduty/region.ts";

/**
 * A tenant's connection with PagerDuty: the credential, the account, and the signing secrets of the webhooks.
 * It is stored as sealed JSON in the tenant's object and in KV. Times are milliseconds since 1970.
 */

export const SigningSecret = z.object({
  id: z.string(),
  secret: z.string(),
  /** The subscription whose creation returned the secret; null if a person pasted the secret. */
  subscriptionId: z.nullable(z.string()),
  /** When the secret stops being accepted; null if it does not expire. */
  expiresAtMs: z.nullable(z.number()),
});
export type SigningSecret = z.infer<typeof SigningSecret>;

/**
 * The webhook subscription at PagerDuty that posts to us. `made` is true if we created the subscription: disconnecting
 * then removes it. `made` is false if a person created it.
 */
export const OwnSubscription = z.lazy(() =>
  z.object({
    id: z.string(),
    url: z.string(),
    made: z.boolean(),
    /** Whether a caller chose the event types. A check then does not add default types that are missing. */
    chosen: z._default(z.boolean(), false),
    /** Event types that PagerDuty refused because it does not know them. */
    refusedEvents: z._default(z.array(z.string()), []),
  }),
);
export type OwnSubscription = z.infer<typeof OwnSubscription>;

const common = {
  /**
   * Connecting the same account again keeps the id. The id shows which queued webhooks belong to an earlier connection.
   */
  connectionId: z.string(),
  userId: z.string(),
  orgId: z.nullable(z.string()),
  displayName: z.string(),
  region: Region,
  accountSubdomain: z.nullable(z.string()),
  externalUserEmail: z.nullable(z.string()),
  externalUserName: z.nullable(z.string()),
  /** ISO 8601. */
  validatedAt: z.string(),
  /** When PagerDuty started to refuse the credential; null while PagerDuty accepts it. */
  refusedAtMs: z.nullable(z.number()),
  /** Null until a write was tried. */
  canWriteIncidents: z.nullable(z.boolean()),
  signingSecrets: z.array(SigningSecret),
  subscription: z.nullable(OwnSubscription),
};

export const ApiTokenConnection = z.object({
  authType: z.literal("api_token"),
  token: z.string(),
  ...common,
});
export type ApiTokenConnection = z.infer<typeof ApiTokenConnection>;

export const OAuthConnection = z.object({
  authType: z.literal("oauth"),
  accessToken: z.string(),
  refreshToken: z.nullable(z.string()),
  expiresAtMs: z.number(),
  /** When the tokens were last obtained; a refresh token lives 210 days from then. */
  obtainedAtMs: z.number(),
  /** True if a refresh returned the tokens; false if the sign-in did. */
  refreshed: z.boolean(),
  /** When the API started to refuse the unexpired access token; null while the API accepts it. */
  accessRefusedAtMs: z.nullable(z.number()),
  grantedScopes: z.array(z.string()),
  requestedScopes: z.array(z.string()),
  ...common,
});
export type OAuthConnection = z.infer<typeof OAuthConnection>;

export const Connection = z.discriminatedUnion("authType", [ApiTokenConnection, OAuthConnection]);
export type Connection = z.infer<typeof Connection>;

/** The secrets that are valid at `nowMs`, newest first. */
export function secretsInForce(connection: Connection, nowMs: number): SigningSecret[] {
  return connection.signingSecrets.filter(({ expiresAtMs }) => expiresAtMs === null || nowMs < expiresAtMs);
}

/**
 * Whether a valid secret for the subscription's webhooks is stored. The secret that PagerDuty returned for the
 * subscription counts. A pasted secret may belong to another subscription, so it does not count if the connector
 * created the subscription. It also does not count while webhooks are refused.
 */
export function holdsSecretOf(
  connection: Connection,
  subscriptionId: string,
  areWebhooksRefused: boolean,
  nowMs: number,
): boolean {
  const { subscription } = connection;
  const isMade = subscription?.id === subscriptionId && subscription.made;
  const pastedCounts = !isMade && !areWebhooksRefused;
  return secretsInForce(connection, nowMs).some(
    (secret) => secret.subscriptionId === subscriptionId || (pastedCounts && secret.subscriptionId === null),
  );
}

/** How long a replaced signing secret stays valid, so that webhooks already on their way are not refused. */
const OLD_SECRET_GRACE_MS = 24 * 3600 * 1000;
const MAX_SECRETS = 10;

/**
 * Puts `added` in front of the connection's secrets. The older secrets expire within a day. But if the connector
 * created the present subscription, a pasted secret does not change the expiry of this subscription's secret.
 */
export function withSecret(
  { signingSecrets, subscription }: Pick<Connection, "signingSecrets" | "subscription">,
  added: SigningSecret,
  nowMs: number,
): SigningSecret[] {
  const madeId = added.subscriptionId === null && subscription?.made ? subscription.id : undefined;
  const untilMs = nowMs + OLD_SECRET_GRACE_MS;
  const older = signingSecrets
    .filter(({ secret }) => secret !== added.secret)
    .map((old) => ({
      ...old,
      expiresAtMs:
        old.subscriptionId === madeId ? old.expiresAtMs : Math.min(old.expiresAtMs ?? untilMs, untilMs),
    }))
    .filter(({ expiresAtMs }) => expiresAtMs === null || nowMs < expiresAtMs);
  return [added, ...older].slice(0, MAX_SECRETS);
}

/** Travels with a webhook, and identifies the connection for which the webhook was accepted. */
export interface ConnectionRef {
  connectionId: string;
  /** The account's region and subdomain, such as `eu acme`; null if the subdomain is not known. */
  account: string | null;
}

export function refOf({ connectionId, region, accountSubdomain }: Connection): ConnectionRef {
  return { connectionId, account: accountSubdomain === null ? null : `${region} ${accountSubdomain}` };
}
