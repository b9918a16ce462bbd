import { plainText } from "../terminal/plain-text.ts";

/** `GET /healthz` of a Worker that was just deployed. */

export type Health =
  | { kind: "ok"; version: string }
  | { kind: "misconfigured"; problems: string[] }
  | { kind: "unreachable"; reason: string };

const TIMEOUT_MS = 10_000;

/** Asks once. Never throws. */
export async function askHealth(url: string, get: typeof fetch = fetch): Promise<Health> {
  try {
    const response = await get(`${url}/healthz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.text();
    return healthOf(response.status, text);
  } catch (error) {
    const cause =
      error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return { kind: "unreachable", reason: cause };
  }
}

/** What an answer says. Pure. */
export function healthOf(status: number, text: string): Health {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { kind: "unreachable", reason: `it answered ${status}, which is not this Worker's answer` };
  }
  if (typeof body === "object" && body !== null && "version" in body && "status" in body) {
    if (status === 200 && body.status === "ok")
      return { kind: "ok", version: plainText(String(body.version)) };
    if (body.status === "misconfigured" && "problems" in body && Array.isArray(body.problems)) {
      const entries: unknown[] = body.problems;
      const problems = entries.map((entry) =>
        typeof entry === "object" && entry !== null && "name" in entry && "problem" in entry
          ? plainText(`${entry.name} ${entry.problem}`)
          : plainText(String(entry)),
      );
      return { kind: "misconfigured", problems };
    }
  }
  return { kind: "unreachable", reason: `it answered ${status}, which is not this Worker's answer` };
}

/** Asks until it is well: a new host name takes a while to be known everywhere. */
export async function awaitHealth(
  ask: () => Promise<Health>,
  wait: (ms: number) => Promise<unknown>,
  tries: number,
  everyMs: number,
): Promise<Health> {
  let health = await ask();
  for (let tried = 1; tried < tries && health.kind !== "ok"; tried += 1) {
    await wait(everyMs);
    health = await ask();
  }
  return health;
}
