import { refOf } from "../connection/connection.ts";
import type { ConnectionStore } from "../connection/store.ts";
import { verificationKeys, verifyingSecret } from "../connection/verification.ts";
import type { Judgement, Question } from "./decision.ts";
import type { ReceivedWebhook, Trust } from "./received.ts";

/** How far a tenant trusts a webhook that the edge accepted. `shared`: see `ReceivedWebhook`. */
export type Verdict = { trust: Trust; shared: boolean } | "not_connected" | "refused";

/** Verifies webhooks with the signing secrets of this object's connection. */
export class Verifier {
  readonly #store: ConnectionStore;
  readonly #expectsSecret: () => boolean;

  /** @param expectsSecret whether PagerDuty may have made a signing secret that has not arrived here yet */
  constructor(store: ConnectionStore, expectsSecret: () => boolean = () => false) {
    this.#store = store;
    this.#expectsSecret = expectsSecret;
  }

  async judge(question: Question): Promise<Judgement> {
    const { connection, sealed } = this.#store;
    if (!connection) return { verdict: this.#store.unreadable ? "unreadable" : "not_connected" };
    // `sealed` is null while a new connection is still being sealed (encrypted).
    if (sealed === null) return { verdict: "unsettled" };
    const { signature, subscriptionId, body } = question;
    const expectsSecret = this.#expectsSecret();
    const nowMs = Date.now();
    const ref = refOf(connection);
    const ownsSubscription = subscriptionId !== null && connection.subscription?.id === subscriptionId;
    const keys = await verificationKeys(connection, nowMs);
    if (keys.length === 0) return { verdict: "unverifiable", ...ref, sealed, ownsSubscription };
    const secretId = await verifyingSecret(keys, signature, body, nowMs);
    if (secretId) return { verdict: "genuine", ...ref, secretId, sealed };
    if (signature === null) return { verdict: "refused", reason: "no signature", ownsSubscription };
    if (expectsSecret) return { verdict: "unsettled" };
    // If the connection changed during the verification, the secret that signed this webhook may be stored by now.
    if (this.#store.connection !== connection) return this.judge(question);
    return { verdict: "refused", reason: "the signing secret does not match", ownsSubscription };
  }

  /**
   * Checks an accepted webhook again, because the edge may have used an outdated copy of the connection. If the
   * connection and the secret that the edge used are still stored, the edge's proof stands. Otherwise the webhook is
   * verified with the stored secrets. A webhook that no stored secret proves becomes a hint, because PagerDuty does not
   * send an accepted webhook again. But a webhook for an earlier connection is refused if the present connection has
   * signing secrets or belongs to another account.
   * @throws if the connection cannot be opened, for example because a key is missing; the webhook is then retried
   */
  async verify(webhook: ReceivedWebhook): Promise<Verdict> {
    const { connection, unreadable } = this.#store;
    if (unreadable) throw new Error(`The stored connection cannot be opened: ${unreadable}`);
    if (!connection) return "not_connected";
    const { shared } = webhook;
    const sameConnection = connection.connectionId === webhook.connectionId;
    const isKnown = connection.signingSecrets.some(({ id }) => id === webhook.secretId);
    if (sameConnection && isKnown) return { trust: "signature", shared };
    const keys = await verificationKeys(connection, webhook.receivedAtMs);
    const secretId = await verifyingSecret(keys, webhook.signature, webhook.body, webhook.receivedAtMs);
    if (secretId) return { trust: "signature", shared };
    if (sameConnection) return { trust: "callback", shared };
    const { account } = refOf(connection);
    const isOther = webhook.account != null && account !== null && webhook.account !== account;
    return keys.length > 0 || isOther ? "refused" : { trust: "callback", shared: true };
  }

  /**
   * Verifies a webhook before it is stored as failed. If the connection cannot be opened, the webhook keeps the trust
   * that the edge gave it.
   */
  async verifyToPark(webhook: ReceivedWebhook): Promise<Verdict> {
    const { verification: trust, shared } = webhook;
    return this.#store.unreadable ? { trust, shared } : this.verify(webhook);
  }
}
