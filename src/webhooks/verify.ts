import type { ConnectionStore } from "../connection/store.ts";
import { verificationKeys, verifyingSecret } from "../connection/verification.ts";
import type { ReceivedWebhook, Trust } from "./received.ts";

/** One tenant's answer about a webhook that the edge could not verify, with the connection to remember. */
export type Judgement =
  | { verdict: "genuine"; connectionId: string; secretId: string; sealed: string }
  /** No signing secret is stored, so the webhook is a hint. */
  | { verdict: "unverifiable"; connectionId: string; sealed: string; ownsSubscription: boolean }
  | { verdict: "refused"; reason: string; ownsSubscription: boolean }
  /** `unreadable`, `unsettled`: not decided yet, so PagerDuty has to try again. */
  | { verdict: "not_connected" | "unreadable" | "unsettled" };

/** A tenant that a webhook may be for, and what it says. */
export interface Candidate {
  tenantId: string;
  judgement: Judgement;
}

/** Why a webhook is taken: `secretId` proves it; null: it is a hint. */
export interface Accepted {
  tenantId: string;
  connectionId: string;
  secretId: string | null;
}

export type Decision =
  | { decision: "accepted"; accepted: Accepted[] }
  /** Refused by each of `tenantIds`, where it is counted. */
  | { decision: "refused"; refusals: { tenantId: string; reason: string }[] }
  | { decision: "not_connected" }
  | { decision: "undecided"; reason: string };

/**
 * Whose webhook it is, by what each tenant of the URL says: a matching signature decides; else
 * `X-Webhook-Subscription`, where it names a tenant's subscription; else the webhook is a hint for every tenant
 * without a secret. Pure.
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

/** The question that the edge asks a tenant about a webhook. */
export interface Question {
  signature: string | null;
  /** `X-Webhook-Subscription`. */
  subscriptionId: string | null;
  body: Uint8Array<ArrayBuffer>;
}

/** Decides which webhooks are believed, by the connection that this object stores. */
export class Verifier {
  readonly #store: ConnectionStore;
  readonly #expectsSecret: () => boolean;

  /** @param expectsSecret whether a signing secret may be on its way from PagerDuty to us */
  constructor(store: ConnectionStore, expectsSecret: () => boolean = () => false) {
    this.#store = store;
    this.#expectsSecret = expectsSecret;
  }

  /** For the edge, before it refuses a webhook. */
  async judge(question: Question): Promise<Judgement> {
    const { connection, sealed } = this.#store;
    if (!connection) return { verdict: this.#store.unreadable ? "unreadable" : "not_connected" };
    // Connected a moment ago: it is being sealed.
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
    // Changed during the verification: the secret that signed this webhook may have been stored just now.
    if (this.#store.connection !== connection) return this.judge(question);
    return { verdict: "refused", reason: "the signing secret does not match", ownsSubscription };
  }

  /**
   * Returns the trust in a webhook that the edge accepted. If the edge's secrets were outdated, verifies the webhook
   * again. A failure makes the webhook a hint, because PagerDuty will not repeat it. Null: its connection was removed.
   * @throws while the connection cannot be opened: a missing key is no reason to lose the webhook
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

  /** Returns the trust in a webhook to park: the edge's own decision while the connection cannot be opened. */
  async trustToPark(webhook: ReceivedWebhook): Promise<Trust | null> {
    return this.#store.unreadable ? webhook.verification : this.trust(webhook);
  }
}
