import recorded from "./examples.json" with { type: "json" };

/** Examples of requests and answers, for the reference: recorded by test/http/reference.test.ts with EXAMPLES=1. */

export interface Example {
  body?: unknown;
  /** The answers by status. */
  answers: Readonly<Record<string, unknown>>;
}

/** The keys are a call's method and path, the name of a request to Aurora, or `error` and a status: `error404`. */
export const EXAMPLES: Readonly<Record<string, Example>> = recorded;
