/** Reading what PagerDuty answers: never more than there may be. */

/** The body as text, read no further than `maxBytes`; null where there is more. */
export async function readText(response: Response, maxBytes: number): Promise<string | null> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  // Leaving the loop ends the answer.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) return null;
    chunks.push(Uint8Array.from(chunk));
  }
  return new Blob(chunks).text();
}

/** Ends an answer whose body nobody reads, so that its connection can serve the next call. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}
