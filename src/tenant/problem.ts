import type { ProblemCode } from "../contract/status-answers.ts";

/** One problem that keeps events from arriving, or deliveries from reaching Aurora. */
export interface Problem {
  code: ProblemCode;
  /** What is wrong, for a person. */
  message: string;
  /** What to do about it. */
  fix: string;
}

export const counted = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;
