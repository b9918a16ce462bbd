/**
 * The text of a failed attempt, as it is stored and shown, and its parts. This file imports nothing, because the
 * console's page loads it, too.
 */

const ADVICE = ". This is a matter of configuration, not an outage: ";

/**
 * @param advice what to check; null if the failure may be temporary
 * @param deadAtMs when the delivery will be dead if nothing changes; null if it is dead
 */
export function failureText(error: string, advice: string | null, deadAtMs: number | null): string {
  if (advice === null) return error;
  const end =
    deadAtMs === null
      ? "The delivery has failed for good; redeliver it after the change"
      : `Without a change the delivery fails for good at ${new Date(deadAtMs).toISOString()}`;
  return `${error.replace(/\.$/, "")}${ADVICE}${advice}. ${end}`;
}

/** @returns the error alone, in one line, and the advice; null where there is none */
export function failureParts(text: string): { error: string; advice: string | null } {
  const at = text.lastIndexOf(ADVICE);
  if (at === -1) return { error: text, advice: null };
  // The last sentence says when.
  return { error: text.slice(0, at), advice: text.slice(at + ADVICE.length, text.lastIndexOf(". ")) };
}
