import type { Wrangler, WranglerAnswer } from "./wrangler.ts";

/**
 * Runs a wrangler command, and once more if it fails, so that one failed call to Cloudflare's API does not end a
 * deployment. Only for commands that may safely run twice.
 * @param isAnswer whether a failed command's output is already an answer, such as "does not exist"
 */
export async function runTwice(
  wrangler: Wrangler,
  args: readonly string[],
  isAnswer: (output: string) => boolean = () => false,
): Promise<WranglerAnswer> {
  const first = await wrangler(args);
  return first.code === 0 || isAnswer(first.output) ? first : wrangler(args);
}
