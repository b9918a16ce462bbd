import type { ProblemCode } from "./status-answers.ts";

/**
 * Problems that do not stop events. Some of them delay events until a retry succeeds. The console shows these problems
 * in a different colour, and `npm run doctor` calls them warnings. `past`: the problem is already over.
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
