import recorded from "./examples.json" with { type: "json" };

/** Examples of requests and answers, for the reference: recorded by test/http/reference.test.ts with EXAMPLES=1. */

export interface Example {
  body?: unknown;
  /** By status. */
  answers: Readonly<Record<string, unknown>>;
}

/** By method and path of a call, by the name of what is sent to Aurora, or by that of an error's status: `error404`. */
export const EXAMPLES: Readonly<Record<string, Example>> = recorded;
