import type { ConnectionStore } from "../connection/store.ts";
import { verificationKeys, verifyingSecret } from "../connection/verification.ts";
import type { ReceivedWebhook } from "./received.ts";
import type { Refusals } from "./refusals.ts";

/** What the object says of a webhook that the edge could not verify, with the connection to remember. */
export type Judgement =
  | { verdict: "genuine"; connectionId: string; secretId: string; sealed: string }
  /** No signing secret is stored: a hint. */
  | { verdict: "unverifiable"; connectionId: string; sealed: string }
  /** `unreadable`, `unsettled`: nobody can say yet, so PagerDuty has to ask again. */
  | { verdict: "not_connected" | "refused" | "unreadable" | "unsettled" };

/** Decides which webhooks are believed, by what counts here and now. */
export class Verifier {
  readonly #store: ConnectionStore;
  readonly #refusals: Refusals;
  readonly #expectsSecret: () => boolean;

  /** @param expectsSecret whether a signing secret may be on its way from PagerDuty to us */
  constructor(store: ConnectionStore, refusals: Refusals, expectsSecret: () => boolean = () => false) {
    this.#store = store;
    this.#refusals = refusals;
    this.#expectsSecret = expectsSecret;
  }

  /** For the edge, before it turns a webhook away. A refusal is counted. */
  async judge(signatureHeader: string | null, body: Uint8Array<ArrayBuffer>): Promise<Judgement> {
    const { connection, sealed } = this.#store;
    if (!connection) return { verdict: this.#store.unreadable ? "unreadable" : "not_connected" };
    // Connected just now: it is being sealed.
    if (sealed === null) return { verdict: "unsettled" };
    const expectsSecret = this.#expectsSecret();
    const nowMs = Date.now();
    const { connectionId } = connection;
    const keys = await verificationKeys(connection, nowMs);
    if (keys.length === 0) return { verdict: "unverifiable", connectionId, sealed };
    const secretId = await verifyingSecret(keys, signatureHeader, body, nowMs);
    if (secretId) return { verdict: "genuine", connectionId, secretId, sealed };
    if (signatureHeader !== null) {
      if (expectsSecret) return { verdict: "unsettled" };
      // Changed while it was verified: the secret that it was made with may have come.
      if (this.#store.connection !== connection) return this.judge(signatureHeader, body);
    }
    const reason = signatureHeader === null ? "they carry no signature" : "the signing secret does not match";
    this.#refusals.count(reason, nowMs);
    return { verdict: "refused" };
  }

  /**
   * For what the edge accepted: how far it is believed now. What the edge knew may have been overtaken since;
   * then it is verified again, and where that fails it is a hint, because PagerDuty will not send it again.
   * Null: it came for a connection that is gone.
   * @throws while the connection cannot be opened: a key that is missing here is no reason to lose it
   */
  async trust(webhook: ReceivedWebhook): Promise<"signature" | "callback" | null> {
    const { connection, unreadable } = this.#store;
    if (unreadable) throw new Error(`The stored connection cannot be opened: ${unreadable}`);
    if (!connection) return null;
    const sameConnection = connection.connectionId === webhook.connectionId;
    if (sameConnection && connection.signingSecrets.some(({ id }) => id === webhook.secretId))
      return "signature";
    const keys = await verificationKeys(connection, webhook.receivedAtMs);
    const secretId = await verifyingSecret(keys, webhook.signature, webhook.body, webhook.receivedAtMs);
    if (secretId) return "signature";
    return sameConnection ? "callback" : null;
  }

  /** The same for what could not be processed, which is kept by the edge's word where nobody can say more. */
  async trustToPark(webhook: ReceivedWebhook): Promise<"signature" | "callback" | null> {
    return this.#store.unreadable ? webhook.verification : this.trust(webhook);
  }
}
