import { tokenError } from "../connection/identify.ts";
import type { CallProblem } from "../connection/tokens.ts";
import { AppError } from "../errors.ts";
import { type Filter, isSameFilter, type Subscription } from "../pagerduty/subscriptions.ts";

/** Interprets PagerDuty's answers about the webhook subscription. Pure. */

/** Returns a subscription as our API shows it: one flat object, without the secret. */
export function subscriptionView({ id, url, state, events, filter }: Subscription) {
  return { id, url, state, events, filter };
}

/** Whether the subscription has this filter and these event types, in any order. */
export function isUpToDate(subscription: Subscription, filter: Filter, events: readonly string[]): boolean {
  const sameEvents = [...subscription.events].sort().join() === [...events].sort().join();
  return sameEvents && isSameFilter(subscription.filter, filter);
}

/** Returns the error for the caller when PagerDuty refuses a call about a subscription. */
export function refusal(problem: CallProblem, wanted: "read" | "change"): AppError {
  switch (problem.problem) {
    case "not_connected":
      return new AppError("not_connected", "Not connected");
    case "forbidden":
      if (wanted === "read") {
        return new AppError(
          "insufficient_permissions",
          "PagerDuty does not let this credential see webhook subscriptions. Connect with one that may.",
        );
      }
      return new AppError(
        "write_access_required",
        "PagerDuty does not let this credential change webhook subscriptions. Connect with one that may write, or create the webhook in PagerDuty yourself and paste its signing secret here.",
      );
    case "not_found":
      return new AppError("not_found", "There is no webhook subscription");
    case "bad_request":
      return new AppError(
        "invalid_request",
        `PagerDuty refuses the subscription: ${problem.message || "bad request"}`,
      );
    default:
      return tokenError(problem);
  }
}
