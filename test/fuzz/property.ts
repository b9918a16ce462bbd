import type fc from "fast-check";

/** Checks what a pure function does with generated hostile input. */
export interface Property {
  name: string;
  /** The property's share of the cases is `weight` divided by the sum of all weights. */
  weight: number;
  property: fc.IRawProperty<unknown>;
}

/** Returns false if `run` throws an error that `kind` does not accept. */
export async function throwsOnly(kind: (error: unknown) => boolean, run: () => unknown): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    return kind(error);
  }
}

/** Returns true for text that every JSON reader and database accepts. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\0");

/** Runs `work` while `answer` replaces `fetch`. */
export async function withFetch<T>(
  answer: (url: URL, index: number) => Response,
  work: () => Promise<T>,
): Promise<T> {
  const { fetch } = globalThis;
  let index = 0;
  globalThis.fetch = async (input) => answer(new URL(String(input)), index++);
  try {
    return await work();
  } finally {
    globalThis.fetch = fetch;
  }
}
