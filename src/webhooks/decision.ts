import type { ConnectionRef } from "../connection/connection.ts";

/** The parts of a webhook that a tenant needs to decide whether it accepts the webhook. */
export interface Question {
  signature: string | null;
  /** The header `X-Webhook-Subscription`. */
  subscriptionId: string | null;
  body: Uint8Array<ArrayBuffer>;
}

/** A tenant's answer about a webhook that the edge could not verify. The edge caches the `sealed` connection. */
export type Judgement =
  | ({ verdict: "genuine"; secretId: string; sealed: string } & ConnectionRef)
  /** No signing secret is stored, so the webhook is only a hint. */
  | ({ verdict: "unverifiable"; sealed: string; ownsSubscription: boolean } & ConnectionRef)
  | { verdict: "refused"; reason: string; ownsSubscription: boolean }
  /** `unreadable`, `unsettled`: the tenant cannot decide yet, so PagerDuty has to send the webhook again. */
  | { verdict: "not_connected" | "unreadable" | "unsettled" };

export interface Candidate {
  tenantId: string;
  judgement: Judgement;
}

/** `secretId`: the secret that proves the webhook; null if the webhook is a hint. */
export interface Accepted extends ConnectionRef {
  tenantId: string;
  secretId: string | null;
  /** See `ReceivedWebhook`. */
  shared: boolean;
}

export type Decision =
  | { decision: "accepted"; accepted: Accepted[] }
  | { decision: "refused"; refusals: { tenantId: string; reason: string }[] }
  | { decision: "not_connected" }
  | { decision: "undecided"; reason: string };

/**
 * Decides which tenants of a webhook URL accept a webhook. If a tenant's secret matches the signature, only this tenant
 * accepts the webhook. Otherwise the webhook is a hint for every tenant whose connection has no secret, even if the
 * connection of another tenant cannot be opened. If tenants own the subscription in `X-Webhook-Subscription`, only the
 * answers of these tenants decide about the hint. Pure.
 */
export function decide(candidates: readonly Candidate[]): Decision {
  // In the order in which the edge tries the tenants.
  const sorted = candidates.toSorted((a, b) => (a.tenantId < b.tenantId ? -1 : 1));
  for (const { tenantId, judgement } of sorted) {
    if (judgement.verdict !== "genuine") continue;
    const { connectionId, account, secretId } = judgement;
    return { decision: "accepted", accepted: [{ tenantId, connectionId, account, secretId, shared: false }] };
  }
  const connected = candidates.filter(({ judgement }) => judgement.verdict !== "not_connected");
  const isOwner = ({ judgement }: Candidate) => "ownsSubscription" in judgement && judgement.ownsSubscription;
  const owners = connected.filter(isOwner);
  const judged = owners.length > 0 ? owners : connected;
  const has = (verdict: Judgement["verdict"]) =>
    judged.some(({ judgement }) => judgement.verdict === verdict);
  if (has("unsettled")) return { decision: "undecided", reason: "The connection is being changed" };
  const shared = judged.length > 1;
  const accepted = judged.flatMap(({ tenantId, judgement }) => {
    if (judgement.verdict !== "unverifiable") return [];
    const { connectionId, account } = judgement;
    return [{ tenantId, connectionId, account, secretId: null, shared }];
  });
  if (accepted.length > 0) return { decision: "accepted", accepted };
  if (has("unreadable")) return { decision: "undecided", reason: "The stored connection cannot be opened" };
  const refusals = judged.flatMap(({ tenantId, judgement }) =>
    judgement.verdict === "refused" ? [{ tenantId, reason: judgement.reason }] : [],
  );
  return refusals.length > 0 ? { decision: "refused", refusals } : { decision: "not_connected" };
}
