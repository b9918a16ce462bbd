import { patienceMs } from "./patience.ts";

/** Waits for a condition instead of a fixed time. */

const EVERY_MS = 20;

/** A measured wait may be this much too short, because the Worker's clock only advances at I/O. */
export const CLOCK_GRAIN_MS = 100;

/**
 * Resolves as soon as `condition` is true.
 *
 * The limit is a number of checks, not a time, so a condition gets more time if the machine slows down.
 * @throws if the condition never became true, with `what` in the message
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const looks = Math.ceil(patienceMs() / EVERY_MS);
  for (let look = 0; look < looks; look += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  throw new Error(`Never happened, in ${looks} looks: ${what}`);
}

/** Waits until the next second begins, because PagerDuty's REST API writes times in whole seconds. */
export async function nextSecond(): Promise<void> {
  const second = () => Math.floor(Date.now() / 1000);
  const now = second();
  await until("the next second begins", () => second() > now);
}
