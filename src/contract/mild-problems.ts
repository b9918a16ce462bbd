import type { ProblemCode } from "./status-answers.ts";

/**
 * The problems with which events still flow, or only wait for something that is retried: the console shows them in
 * another colour, and `npm run doctor` as warnings. Every other problem stops or loses events until somebody acts.
 * `past`: it is over already.
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
