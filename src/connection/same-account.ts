import type { ApiAnswer, ApiTarget } from "../pagerduty/api.ts";
import { getIncident } from "../pagerduty/incidents.ts";
import { getSubscription } from "../pagerduty/subscriptions.ts";
import { tokenError } from "./identify.ts";

/** What is held of the account that a credential can be tried on. */
export interface Evidence {
  subscriptionId: string | null;
  incidentId: string | null;
}

/**
 * Whether `after` is another account's than `before`, for credentials of which PagerDuty does not tell the account:
 * of what is held, does it see nothing that the other one sees? Where nothing is held that proves nothing.
 * @throws {AppError} when PagerDuty cannot be asked
 */
export async function isOfOtherAccount(
  before: ApiTarget,
  after: ApiTarget,
  { subscriptionId, incidentId }: Evidence,
): Promise<boolean> {
  const questions: ((target: ApiTarget) => Promise<ApiAnswer<unknown>>)[] = [];
  if (incidentId !== null) questions.push((target) => getIncident(target, incidentId));
  if (subscriptionId !== null) questions.push((target) => getSubscription(target, subscriptionId));
  let isMissed = false;
  for (const ask of questions) {
    const answer = await ask(after);
    if (answer.ok) return false;
    if (answer.problem === "rate_limited" || answer.problem === "unavailable") throw tokenError(answer);
    // What nobody sees any more was removed at PagerDuty.
    if (answer.problem === "not_found") isMissed ||= !isGone(await ask(before));
  }
  return isMissed;
}

const isGone = (answer: ApiAnswer<unknown>) => !answer.ok && answer.problem === "not_found";
