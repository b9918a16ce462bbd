import type { Account } from "./account.ts";
import type { Refusals } from "./refusals.ts";
import { verificationKeys, verifyingSecret } from "./secrets.ts";
import type { ReceivedWebhook } from "./webhook.ts";

/** What the object says of a webhook that the edge could not verify, with the connection to remember. */
export type Judgement =
  | { verdict: "genuine"; connectionId: string; secretId: string; sealed: string }
  /** No signing secret is stored: a hint. */
  | { verdict: "unverifiable"; connectionId: string; sealed: string }
  | { verdict: "not_connected" | "refused" | "unreadable" };

/** Decides which webhooks are believed, by what counts here and now. */
export class Gate {
  readonly #account: Account;
  readonly #refusals: Refusals;

  constructor(account: Account, refusals: Refusals) {
    this.#account = account;
    this.#refusals = refusals;
  }

  /** For the edge, before it turns a webhook away. A refusal is counted. */
  async judge(signatureHeader: string | null, body: Uint8Array<ArrayBuffer>): Promise<Judgement> {
    const { connection, sealed } = this.#account;
    if (!connection || sealed === null) {
      return { verdict: this.#account.unreadable ? "unreadable" : "not_connected" };
    }
    const nowMs = Date.now();
    const { connectionId } = connection;
    const keys = await verificationKeys(connection, nowMs);
    if (keys.length === 0) return { verdict: "unverifiable", connectionId, sealed };
    const secretId = await verifyingSecret(keys, signatureHeader, body, nowMs);
    if (secretId) return { verdict: "genuine", connectionId, secretId, sealed };
    const reason = signatureHeader === null ? "they carry no signature" : "the signing secret does not match";
    this.#refusals.count(reason, nowMs);
    return { verdict: "refused" };
  }

  /**
   * For what the edge accepted: how far it is believed now. What the edge knew may have been overtaken since;
   * then it is verified again, and where that fails it is a hint, because PagerDuty will not send it again.
   * Null: it came for a connection that is gone.
   */
  async trust(webhook: ReceivedWebhook): Promise<"signature" | "callback" | null> {
    const { connection } = this.#account;
    if (!connection) return null;
    const sameConnection = connection.connectionId === webhook.connectionId;
    if (sameConnection && connection.signingSecrets.some(({ id }) => id === webhook.secretId))
      return "signature";
    const keys = await verificationKeys(connection, webhook.receivedAtMs);
    if (keys.length === 0) return "callback";
    const secretId = await verifyingSecret(keys, webhook.signature, webhook.body, webhook.receivedAtMs);
    if (secretId) return "signature";
    return sameConnection ? "callback" : null;
  }
}
