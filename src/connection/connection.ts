import * as z from "zod/mini";
import { Region } from "../pagerduty/region.ts";

/**
 * A tenant's connection with PagerDuty: the credential, the account, and the signing secrets of the webhooks.
 * It is stored as sealed JSON in the tenant's object and in KV. Times are milliseconds since 1970.
 */

export const SigningSecret = z.object({
  id: z.string(),
  secret: z.string(),
  /** The subscription whose creation returned the secret; null if a person pasted it. */
  subscriptionId: z.nullable(z.string()),
  /** When the secret stops being accepted; null for the current secret. */
  expiresAtMs: z.nullable(z.number()),
});
export type SigningSecret = z.infer<typeof SigningSecret>;

/**
 * The webhook subscription at PagerDuty that posts to us. `made` is true if we created the subscription, and
 * then we also remove it. It is false if a person created the subscription.
 */
export const OwnSubscription = z.lazy(() =>
  z.object({
    id: z.string(),
    url: z.string(),
    made: z.boolean(),
    /** Whether a caller chose the event types. If so, checks do not add the default types that are missing. */
    chosen: z._default(z.boolean(), false),
    /** Event types that PagerDuty refused because it does not know them. */
    refusedEvents: z._default(z.array(z.string()), []),
  }),
);
export type OwnSubscription = z.infer<typeof OwnSubscription>;

const common = {
  /**
   * Each connection has its own id, which is kept if the same account is connected again. The id shows which
   * queued webhooks belong to an earlier connection.
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
  /**
   * Since when PagerDuty refuses the credential, which then has to be replaced; null while it is accepted.
   */
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
  /** Whether the tokens came from a refresh, not from the sign-in. */
  refreshed: z.boolean(),
  /**
   * Since when the API refuses the access token although it has not expired; null while it accepts the token.
   */
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
 * subscription always counts. A pasted secret counts only for a subscription that a person created, and only while
 * no webhooks are refused, because its subscription is not known.
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
/** The maximum number of secrets that a connection stores. */
const MAX_SECRETS = 10;

/**
 * Puts `added` in front of the connection's secrets. The older secrets expire within a day, with one exception: if a
 * person pasted `added`, the secret of the subscription that the connector created keeps its expiry.
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

/** Identifies the connection for which a webhook was accepted. Travels with the webhook. */
export interface ConnectionRef {
  connectionId: string;
  /** The region and subdomain of the PagerDuty account; null if the subdomain is not known. */
  account: string | null;
}

export function refOf({ connectionId, region, accountSubdomain }: Connection): ConnectionRef {
  return { connectionId, account: accountSubdomain === null ? null : `${region} ${accountSubdomain}` };
}
