import { inspect, isDeepStrictEqual } from "node:util";

export interface Check {
  readonly claim: string;
  readonly expected: unknown;
  readonly got: unknown;
}

export function holds({ expected, got }: Check): boolean {
  return isDeepStrictEqual(got, expected);
}

const WIDE = { breakLength: Number.POSITIVE_INFINITY, depth: null };

/** Returns the expected and the actual value, each as one line. */
export function difference({ expected, got }: Check): string[] {
  return [`expected ${inspect(expected, WIDE)}`, `got      ${inspect(got, WIDE)}`];
}
