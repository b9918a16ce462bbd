/** Reads what wrangler printed. Pure. */

const EXCERPT_LINES = 12;

/** Returns the last lines of the output, where wrangler says what failed. */
export const excerpt = (output: string): string => output.trim().split("\n").slice(-EXCERPT_LINES).join("\n");

/** Returns the JSON that wrangler printed among other text; undefined if there is none. */
export function jsonIn(output: string, brackets: "{}" | "[]"): unknown {
  const [open, close] = [output.indexOf(brackets.charAt(0)), output.lastIndexOf(brackets.charAt(1))];
  if (open === -1 || close < open) return undefined;
  try {
    return JSON.parse(output.slice(open, close + 1));
  } catch {
    return undefined;
  }
}
