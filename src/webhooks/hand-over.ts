import { userTenantId } from "../tenant-id.ts";
import { type Accepted, type Candidate, decide, type Question } from "./decision.ts";
import type { Taken } from "./intake.ts";
import type { ReceivedWebhook } from "./received.ts";

/** Finds out which tenants a webhook is for. A user's webhook URL can lead to several tenants. */

export interface Asked {
  organisations: string[];
  candidates: Candidate[];
}

/** Asks each tenant of the user's URL about a webhook. The user's object answers and also lists the other tenants. */
export async function askTenants(env: Env, userId: string, question: Question): Promise<Asked> {
  const { organisations, own } = await env.TENANT.getByName(userTenantId(userId)).judgeForUser(question);
  const others = await Promise.all(
    organisations.map(async (tenantId) => ({
      tenantId,
      judgement: await env.TENANT.getByName(tenantId).judge(question),
    })),
  );
  return { organisations, candidates: [...others, { tenantId: userTenantId(userId), judgement: own }] };
}

/** Counts each refusal in the object of the tenant that refused the webhook. */
export async function countRefusals(
  env: Env,
  refusals: readonly { tenantId: string; reason: string }[],
): Promise<void> {
  await Promise.all(
    refusals.map(({ tenantId, reason }) => env.TENANT.getByName(tenantId).countRefusal(reason)),
  );
}

/**
 * Whether a webhook needs no retry. After the outcome `not_connected`, first passes the webhook to the tenants that
 * accept it now, because the connection may have moved from the user to an organisation.
 * @param outcome undefined if the tenant's object returned no outcome
 */
export async function isDone(
  env: Env,
  webhook: ReceivedWebhook,
  outcome: Taken | undefined,
): Promise<boolean> {
  if (outcome !== "not_connected") return outcome !== undefined && outcome !== "failed";
  const { userId, signature, body } = webhook;
  const { candidates } = await askTenants(env, userId, { signature, subscriptionId: null, body });
  const decision = decide(candidates);
  switch (decision.decision) {
    case "not_connected":
      return true;
    case "undecided":
      return false;
    case "refused":
      await countRefusals(env, decision.refusals);
      return true;
    case "accepted": {
      const outcomes = await Promise.all(decision.accepted.map((accepted) => giveTo(env, webhook, accepted)));
      return outcomes.every((taken) => taken !== "failed" && taken !== "not_connected");
    }
  }
}

async function giveTo(env: Env, webhook: ReceivedWebhook, accepted: Accepted): Promise<Taken> {
  const verification = accepted.secretId === null ? "callback" : "signature";
  const given = { ...webhook, ...accepted, verification, shared: true } as const;
  const [outcome = "failed"] = await env.TENANT.getByName(accepted.tenantId).ingest([given]);
  return outcome;
}
