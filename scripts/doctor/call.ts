/** Makes one call for a check. */

const TIMEOUT_MS = 15_000;

/** `body` is the parsed JSON, or the text if it is not JSON. Without an answer, `status` is 0 and `body` says why. */
export interface Answered {
  status: number;
  body: unknown;
}

/** Follows no redirect, because no other host may get the headers. Never throws. */
export async function ask(url: string, init: Pick<RequestInit, "method" | "headers">): Promise<Answered> {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, { ...init, redirect: "manual", signal });
    const text = await response.text();
    try {
      return { status: response.status, body: JSON.parse(text) };
    } catch {
      return { status: response.status, body: text };
    }
  } catch (error) {
    return { status: 0, body: reasonOf(error) };
  }
}

/** Returns the cause of an error from `fetch`, because the error's own message is only "fetch failed". */
export function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
}
