import type { Mirror, MirrorView } from "../aurora/mirror.ts";
import type { Config } from "../config.ts";
import { type Connection, type OAuthConnection, secretsInForce } from "../connection/connection.ts";
import type { ConnectionStore } from "../connection/store.ts";
import type { Tokens } from "../connection/tokens.ts";
import { mayWrite } from "../connection/write-access.ts";
import type { Problem } from "../contract/status-answers.ts";
import { deliveredBeyondLimit } from "../delivery/analysis-limit.ts";
import { summarizeOutbox } from "../delivery/outbox-summary.ts";
import { shownEventsUrl } from "../delivery/sink.ts";
import { readWatch, type Watch } from "../reconcile/watch.ts";
import { countNotVisible } from "../storage/hints.ts";
import { countFailed } from "../storage/journal.ts";
import { webhookTimes } from "../storage/lists.ts";
import { summarizeSetAside } from "../storage/set-aside.ts";
import type { Refusals } from "../webhooks/refusals.ts";
import {
  CREDENTIALS_UNREADABLE,
  lostSignIn,
  missingScopes,
  problemsOf,
  SHOW_NOT_VISIBLE_MS,
} from "./problems.ts";
import { failureView, iso } from "./views.ts";

/** `GET /pagerduty`: computes the status that Aurora's UI shows. Changes nothing. */

export interface StatusSources {
  storage: DurableObjectStorage;
  store: ConnectionStore;
  config: Config;
  tokens: Tokens;
  refusals: Refusals;
  mirror: Mirror;
}

const notConnected = (error: string | null, problems: Problem[]) => ({
  connected: false as const,
  ...(error === null ? {} : { error }),
  ...(problems.length === 0 ? {} : { problems }),
});

function capabilitiesOf(connection: Connection) {
  const scopes = connection.authType === "oauth" ? new Set(connection.grantedScopes) : null;
  const grants = (...names: string[]) => names.some((name) => scopes?.has(name));
  const canRead = scopes === null || grants("incidents.read", "incidents.write", "read", "write");
  const canWrite = mayWrite(connection);
  return {
    can_read_incidents: canRead,
    ...(canWrite === null ? {} : { can_write_incidents: canWrite }),
  };
}

const oauthView = (connection: OAuthConnection) => ({
  expiresAt: new Date(connection.expiresAtMs).toISOString(),
  scopes: connection.grantedScopes,
  missingScopes: missingScopes(connection),
});

const mirrorView = ({ knowsConnection, checkedAtMs }: MirrorView) => ({
  knowsConnection,
  checkedAt: iso(checkedAtMs),
});

/** A webhook older than this does not prove that the subscription still exists. */
const ARRIVED_WITHIN_MS = 24 * 3600 * 1000;

/** A subscription whose webhooks arrive is not missing: the credential may lack the right to read the subscription. */
function asArriving(watch: Watch, lastProvedAtMs: number | null, nowMs: number): Watch {
  const { missingAtMs } = watch;
  if (missingAtMs === null || lastProvedAtMs === null) return watch;
  const arrives = lastProvedAtMs > missingAtMs && nowMs - lastProvedAtMs < ARRIVED_WITHIN_MS;
  return arrives ? { ...watch, state: "active" } : watch;
}

/** @param webhookUrl the caller's own webhook URL */
export function statusOf(sources: StatusSources, webhookUrl: string) {
  const { storage, store, config, tokens, refusals, mirror } = sources;
  const { connection } = store;
  const nowMs = Date.now();
  if (!connection) return notConnected(null, store.unreadable ? [CREDENTIALS_UNREADABLE] : []);
  const lost = connection.authType === "oauth" ? lostSignIn(connection, nowMs) : null;
  // Aurora's UI recognizes exactly this text.
  if (lost) return notConnected("OAuth token expired, please reconnect", [lost]);
  const { sql } = storage;
  const times = webhookTimes(sql);
  const watch = asArriving(readWatch(storage), times.lastProvedAtMs, nowMs);
  const delivery = summarizeOutbox(sql);
  const rejected = refusals.summary;
  const verified = secretsInForce(connection, nowMs).length > 0;
  return {
    connected: true as const,
    displayName: connection.displayName,
    validatedAt: connection.validatedAt,
    authType: connection.authType,
    capabilities: capabilitiesOf(connection),
    externalUserEmail: connection.externalUserEmail,
    externalUserName: connection.externalUserName,
    accountSubdomain: connection.accountSubdomain,
    connectedBy: connection.userId,
    region: connection.region,
    webhook: {
      url: webhookUrl,
      verification: verified ? ("signature" as const) : ("callback" as const),
      subscription: connection.subscription ? { id: connection.subscription.id, state: watch.state } : null,
      lastEventAt: iso(times.lastEventAtMs),
      lastPingAt: iso(times.lastPingAtMs),
      rejected: {
        count: rejected.count,
        lastAt: iso(rejected.lastAtMs),
        lastReason: rejected.lastReason,
      },
    },
    delivery: {
      pending: delivery.pending,
      dead: delivery.dead,
      lastDeliveredAt: iso(delivery.lastDeliveredAtMs),
      target: config.events && shownEventsUrl(config.events, connection),
      ...failureView(delivery.newestDead ?? delivery.nextFailed),
    },
    oauth: connection.authType === "oauth" ? oauthView(connection) : null,
    aurora: mirror.view && mirrorView(mirror.view),
    problems: problemsOf({
      connection,
      rejected,
      delivery,
      beyondAnalysisLimit:
        config.events?.format === "v3" ? deliveredBeyondLimit(sql, connection.userId, nowMs) : null,
      mirror: mirror.view,
      events: config.events,
      failedWebhooks: countFailed(sql),
      setAside: summarizeSetAside(sql),
      storedBytes: sql.databaseSize,
      notVisible: countNotVisible(sql, nowMs - SHOW_NOT_VISIBLE_MS),
      watch,
      refreshFailure: tokens.refreshFailure,
      nowMs,
    }),
  };
}
