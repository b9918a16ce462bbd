/**
 * Runs `work` with a signal that aborts after `timeoutMs`, as `AbortSignal.timeout` would, but takes the timer
 * away with it: a timer that is left behind keeps a Durable Object in memory, which is billed.
 * @throws {DOMException} TimeoutError, out of whatever used the signal
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
