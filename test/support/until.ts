/** Waits for a condition, not for a time. */

const EVERY_MS = 20;

/**
 * Resolves as soon as `condition` holds.
 * @throws when it does not within `timeoutMs`, naming what was waited for
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const endAt = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > endAt) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}
