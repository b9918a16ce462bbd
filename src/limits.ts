/** Limits remote input: how long a call may take, and how much of a body is read. */

/**
 * Runs `work` with a signal that aborts after `timeoutMs`. Clears the timer when `work` ends, unlike
 * `AbortSignal.timeout`. A pending timer would keep a Durable Object in memory, which is billed.
 * @throws {DOMException} TimeoutError, from the call that uses the signal
 */
export async function withDeadline<T>(
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new DOMException(`No answer within ${timeoutMs} ms`, "TimeoutError")),
    timeoutMs,
  );
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads a body up to `maxBytes`.
 * @returns null if the body is longer
 */
export async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** Reads a body as text, up to `maxBytes`. @returns null if the body is longer */
export async function readText(response: Response, maxBytes: number): Promise<string | null> {
  const bytes = await readBounded(response.body, maxBytes);
  return bytes && new TextDecoder().decode(bytes);
}

/** Reads the start of a body as text, up to `maxBytes`, and drops the rest. */
export async function readStart(body: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let left = maxBytes;
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= chunk.length;
    if (left <= 0) break;
  }
  return text;
}

/** Cancels a response body that nobody reads, to free its connection for the next call. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}
