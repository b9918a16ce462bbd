import type { ConnectionStore } from "../connection/store.ts";
import { verificationKeys, verifyingSecret } from "../connection/verification.ts";
import type { ReceivedWebhook, Trust } from "./received.ts";

/** A tenant's answer about a webhook that the edge could not verify. The edge caches the `sealed` connection. */
export type Judgement =
  | { verdict: "genuine"; connectionId: string; secretId: string; sealed: string }
  /** No signing secret is stored, so the webhook is a hint. */
  | { verdict: "unverifiable"; connectionId: string; sealed: string; ownsSubscription: boolean }
  | { verdict: "refused"; reason: string; ownsSubscription: boolean }
  /** `unreadable` and `unsettled`: the tenant cannot decide yet, so PagerDuty has to send the webhook again. */
  | { verdict: "not_connected" | "unreadable" | "unsettled" };

/** A tenant that a webhook may be for, with this tenant's answer. */
export interface Candidate {
  tenantId: string;
  judgement: Judgement;
}

/** A tenant that accepts a webhook. `secretId`: the secret that proves the webhook; null if the webhook is a hint. */
export interface Accepted {
  tenantId: string;
  connectionId: string;
  secretId: string | null;
}

export type Decision =
  | { decision: "accepted"; accepted: Accepted[] }
  /** Every tenant in `refusals` refused the webhook, and counts it. */
  | { decision: "refused"; refusals: { tenantId: string; reason: string }[] }
  | { decision: "not_connected" }
  | { decision: "undecided"; reason: string };

/**
 * Decides which tenants of a URL accept a webhook. If its signature matches a tenant's secret, this tenant accepts it.
 * Else, if `X-Webhook-Subscription` names a tenant's subscription, only this tenant's answer counts. Else the webhook
 * is a hint for every tenant without a secret. Pure.
 */
export function decide(candidates: readonly Candidate[]): Decision {
  for (const { tenantId, judgement } of candidates) {
    if (judgement.verdict !== "genuine") continue;
    const { connectionId, secretId } = judgement;
    return { decision: "accepted", accepted: [{ tenantId, connectionId, secretId }] };
  }
  const undecided = candidates.find(
    ({ judgement: { verdict } }) => verdict === "unreadable" || verdict === "unsettled",
  );
  if (undecided) {
    return {
      decision: "undecided",
      reason:
        undecided.judgement.verdict === "unreadable"
          ? "The stored connection cannot be opened"
          : "The connection is being changed",
    };
  }
  const owns = ({ judgement }: Candidate) => "ownsSubscription" in judgement && judgement.ownsSubscription;
  const owners = candidates.filter(owns);
  const judged = owners.length > 0 ? owners : candidates;
  const accepted = judged.flatMap(({ tenantId, judgement }) =>
    judgement.verdict === "unverifiable"
      ? [{ tenantId, connectionId: judgement.connectionId, secretId: null }]
      : [],
  );
  if (accepted.length > 0) return { decision: "accepted", accepted };
  const refusals = judged.flatMap(({ tenantId, judgement }) =>
    judgement.verdict === "refused" ? [{ tenantId, reason: judgement.reason }] : [],
  );
  return refusals.length > 0 ? { decision: "refused", refusals } : { decision: "not_connected" };
}

/** The parts of a webhook that a tenant needs to judge it. */
export interface Question {
  signature: string | null;
  /** `X-Webhook-Subscription`. */
  subscriptionId: string | null;
  body: Uint8Array<ArrayBuffer>;
}

/** Verifies webhooks with the signing secrets of the connection that this object stores. */
export class Verifier {
  readonly #store: ConnectionStore;
  readonly #expectsSecret: () => boolean;

  /** @param expectsSecret whether PagerDuty may have made a signing secret that has not arrived here yet */
  constructor(store: ConnectionStore, expectsSecret: () => boolean = () => false) {
    this.#store = store;
    this.#expectsSecret = expectsSecret;
  }

  /** Judges a webhook for the edge, which could not verify it. */
  async judge(question: Question): Promise<Judgement> {
    const { connection, sealed } = this.#store;
    if (!connection) return { verdict: this.#store.unreadable ? "unreadable" : "not_connected" };
    // The connection was made a moment ago, and is still being sealed.
    if (sealed === null) return { verdict: "unsettled" };
    const { signature, subscriptionId, body } = question;
    const expectsSecret = this.#expectsSecret();
    const nowMs = Date.now();
    const { connectionId } = connection;
    const ownsSubscription = subscriptionId !== null && connection.subscription?.id === subscriptionId;
    const keys = await verificationKeys(connection, nowMs);
    if (keys.length === 0) return { verdict: "unverifiable", connectionId, sealed, ownsSubscription };
    const secretId = await verifyingSecret(keys, signature, body, nowMs);
    if (secretId) return { verdict: "genuine", connectionId, secretId, sealed };
    if (signature === null)
      return { verdict: "refused", reason: "they carry no signature", ownsSubscription };
    if (expectsSecret) return { verdict: "unsettled" };
    // The connection changed during the verification: the secret that signed this webhook may be stored only now.
    if (this.#store.connection !== connection) return this.judge(question);
    return { verdict: "refused", reason: "the signing secret does not match", ownsSubscription };
  }

  /**
   * Returns the trust in a webhook that the edge accepted; null if its connection was removed. If the edge's secrets
   * were outdated, verifies the webhook again. If that fails, the webhook is a hint, because PagerDuty does not send it
   * again.
   * @throws while the connection cannot be opened, so that the webhook is not lost because of a missing key
   */
  async trust(webhook: ReceivedWebhook): Promise<Trust | null> {
    const { connection, unreadable } = this.#store;
    if (unreadable) throw new Error(`The stored connection cannot be opened: ${unreadable}`);
    if (!connection) return null;
    const sameConnection = connection.connectionId === webhook.connectionId;
    const isKnown = connection.signingSecrets.some(({ id }) => id === webhook.secretId);
    if (sameConnection && isKnown) return "signature";
    const keys = await verificationKeys(connection, webhook.receivedAtMs);
    const secretId = await verifyingSecret(keys, webhook.signature, webhook.body, webhook.receivedAtMs);
    if (secretId) return "signature";
    return sameConnection ? "callback" : null;
  }

  /** Returns the trust in a webhook to park: while the connection cannot be opened, the edge's decision. */
  async trustToPark(webhook: ReceivedWebhook): Promise<Trust | null> {
    return this.#store.unreadable ? webhook.verification : this.trust(webhook);
  }
}
