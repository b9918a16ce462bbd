import { patienceMs } from "./patience.ts";

/** Waits for a condition, not for a time. */

const EVERY_MS = 20;

/**
 * Resolves as soon as `condition` holds.
 *
 * Patience is a number of looks, not a time: when the machine slows down in the middle of a run, each look takes
 * longer, and the wait grows with it.
 * @throws when the condition never held, naming what was awaited
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const looks = Math.ceil(patienceMs() / EVERY_MS);
  for (let look = 0; look < looks; look += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  throw new Error(`Never happened, in ${looks} looks: ${what}`);
}

/** Resolves in the next second: PagerDuty's REST API writes times to the second. */
export async function nextSecond(): Promise<void> {
  const second = () => Math.floor(Date.now() / 1000);
  const now = second();
  await until("the next second begins", () => second() > now);
}
