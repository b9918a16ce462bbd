/** One thing that keeps events from flowing. */
export interface Problem {
  code: string;
  /** What is wrong, for a person. */
  message: string;
  /** What to do about it. */
  fix: string;
}

export const counted = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;
