import type { Wrangler, WranglerAnswer } from "./wrangler.ts";

/**
 * Runs a wrangler command that may safely run twice. Runs it again if it fails, so that one failed call to
 * Cloudflare's API does not end a deployment.
 * @param isAnswer true if the output of a failed command is already an answer, such as "does not exist". Such a
 * command is not repeated.
 */
export async function runTwice(
  wrangler: Wrangler,
  args: readonly string[],
  isAnswer: (output: string) => boolean = () => false,
): Promise<WranglerAnswer> {
  const first = await wrangler(args);
  return first.code === 0 || isAnswer(first.output) ? first : wrangler(args);
}
