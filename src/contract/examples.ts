import recorded from "./examples.json" with { type: "json" };

/** Examples of requests and answers, for the reference: recorded by test/http/reference.test.ts with EXAMPLES=1. */

export interface Example {
  body?: unknown;
  /** The answers by status. */
  answers: Readonly<Record<string, unknown>>;
}

/** The key is `get /pagerduty` for a call, `v3` for a request to Aurora, and `error404` for an error. */
export const EXAMPLES: Readonly<Record<string, Example>> = recorded;
