import { inspect, isDeepStrictEqual } from "node:util";

/** Something that has to hold, and what there is. */
export interface Check {
  readonly claim: string;
  readonly expected: unknown;
  readonly got: unknown;
}

export function holds({ expected, got }: Check): boolean {
  return isDeepStrictEqual(got, expected);
}

const WIDE = { breakLength: Number.POSITIVE_INFINITY, depth: null };

/** What was expected and what there is, a line each. */
export function difference({ expected, got }: Check): string[] {
  return [`expected ${inspect(expected, WIDE)}`, `got      ${inspect(got, WIDE)}`];
}
