/** One attempt to deliver a webhook. `at` is in milliseconds since 1970. */
export interface Attempt {
  readonly status: number | "timeout" | "network_error";
  readonly at: number;
  readonly durationMs: number;
}

export type Verdict = "delivered" | "retry" | "drop";

export interface WebhookRequest {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

interface AttemptResult {
  readonly attempt: Attempt;
  readonly verdict: Verdict;
}

/** Node's codes of TLS errors. PagerDuty retries after any failed connection except a TLS error. */
const TLS_FAULT = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** Decides as PagerDuty does: only 5xx and 429 are retried. */
export function judgeStatus(status: number): Verdict {
  if (status >= 200 && status < 300) return "delivered";
  return status >= 500 || status === 429 ? "retry" : "drop";
}

/**
 * Sends a webhook once.
 * @param closed aborts the attempt when the emulator ends
 */
export async function attemptWebhook(
  request: WebhookRequest,
  timeoutMs: number,
  closed: AbortSignal,
): Promise<AttemptResult> {
  const at = Date.now();
  const started = performance.now();
  const result = (status: Attempt["status"], verdict: Verdict): AttemptResult => ({
    attempt: { status, at, durationMs: Math.round(performance.now() - started) },
    verdict,
  });
  try {
    const response = await fetch(request.url, {
      method: "POST",
      headers: request.headers,
      body: request.body,
      redirect: "manual",
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), closed]),
    });
    // Reads the body to its end, so that the connection can be used again.
    await response.arrayBuffer().catch(() => undefined);
    return result(response.status, judgeStatus(response.status));
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") return result("timeout", "retry");
    return result("network_error", isTlsFault(error) ? "drop" : "retry");
  }
}

function isTlsFault(error: unknown): boolean {
  if (!(error instanceof Error) || !(error.cause instanceof Error)) return false;
  return "code" in error.cause && typeof error.cause.code === "string" && TLS_FAULT.test(error.cause.code);
}
