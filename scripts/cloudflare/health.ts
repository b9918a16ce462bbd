import * as z from "zod";
import { plainText } from "../terminal/plain-text.ts";

/** Calls `GET /healthz` of a Worker. */

const Problem = z.object({ name: z.string(), problem: z.string() });

export type Health =
  | { kind: "ok"; version: string }
  /** `problems`: the settings that the Worker refuses, without their values. */
  | { kind: "misconfigured"; problems: z.infer<typeof Problem>[] }
  | { kind: "unreachable"; reason: string };

const Answer = z.discriminatedUnion("status", [
  z.object({ status: z.literal("ok"), version: z.string() }),
  z.object({ status: z.literal("misconfigured"), version: z.string(), problems: z.array(Problem) }),
]);

const TIMEOUT_MS = 10_000;

/** Never throws. */
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

/** Reads an answer. Removes control characters from its text, because any host may have sent the answer. Pure. */
export function healthOf(status: number, text: string): Health {
  const answer = Answer.safeParse(parsed(text)).data;
  if (answer?.status === "ok" && status === 200) return { kind: "ok", version: plainText(answer.version) };
  if (answer?.status === "misconfigured") {
    const problems = answer.problems.map(({ name, problem }) => ({
      name: plainText(name),
      problem: plainText(problem),
    }));
    return { kind: "misconfigured", problems };
  }
  return { kind: "unreachable", reason: `a program other than this Worker answered, with status ${status}` };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Asks until the Worker is `ok`, at most `tries` times. At first a new host name cannot be reached everywhere. */
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
