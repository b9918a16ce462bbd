import type { CallAnswer, PagerDutyClient } from "../connection/client.ts";
import { findSubscriptions, type Subscription } from "../pagerduty/subscriptions.ts";
import type { Ownership } from "./webhook-url.ts";

/** Finds a subscription that posts to this connection and that no other tenant uses; null if there is none. */
export async function ourSubscription(
  client: PagerDutyClient,
  url: string,
  ownership: Ownership,
): Promise<CallAnswer<Subscription | null>> {
  const found = await client.run((target) => findSubscriptions(target, url, ownership.leadsHere));
  if (!found.ok) return found;
  for (const subscription of found.value) {
    if (!(await ownership.isTaken(subscription))) return { ok: true, value: subscription };
  }
  return { ok: true, value: null };
}
