/** A problem, as the status shows it, and the counts in its message. */

export type { Problem } from "../contract/status-answers.ts";

export const counted = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;
