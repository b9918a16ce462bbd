import recorded from "./examples.json" with { type: "json" };

/** Examples of requests and answers, for the reference: recorded by test/http/reference.test.ts with EXAMPLES=1. */

export interface Example {
  body?: unknown;
  /** The answers by status. */
  answers: Readonly<Record<string, unknown>>;
}

/** A key names a call (`get /pagerduty`), a request to Aurora (`v3`) or an error (`error404`). */
export const EXAMPLES: Readonly<Record<string, Example>> = recorded;
