import { readBounded } from "../bounded.ts";

/** Reading what PagerDuty answers: never more than there may be. */

/** The body as text, read no further than `maxBytes`; null where there is more. */
export async function readText(response: Response, maxBytes: number): Promise<string | null> {
  const bytes = await readBounded(response.body, maxBytes);
  return bytes && new TextDecoder().decode(bytes);
}

/** Ends an answer whose body nobody reads, so that its connection can serve the next call. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}
