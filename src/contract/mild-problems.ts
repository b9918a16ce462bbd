import type { ProblemCode } from "./status-answers.ts";

/**
 * The problems that stop no events, or only delay them until a retry succeeds. The console gives them a colour of
 * their own, and `npm run doctor` calls them warnings. Every other problem stops or loses events until somebody acts.
 * `past`: the problem is already over.
 */
export const MILD_PROBLEMS: Readonly<Partial<Record<ProblemCode, "past" | "warn">>> = {
  oauth_not_refreshable: "warn",
  oauth_refresh_failing: "warn",
  missing_scopes: "warn",
  no_signing_secret: "warn",
  webhooks_refused: "warn",
  subscription_was_disabled: "past",
  subscription_events_missing: "warn",
  recovery_forbidden: "warn",
  storage_nearly_full: "warn",
  deliveries_failing: "warn",
  analysis_limit: "warn",
};
