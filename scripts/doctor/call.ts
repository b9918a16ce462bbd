/** One call, for a check. */

const TIMEOUT_MS = 15_000;

/** `body` is JSON where it parses, else text. Status 0: no answer, and `body` says why. */
export interface Answered {
  status: number;
  body: unknown;
}

/** Follows no redirect: no other host may get the headers. An answer of any kind is a result, never an error. */
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

/** The cause that `fetch` hides behind "fetch failed". */
export function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
}
