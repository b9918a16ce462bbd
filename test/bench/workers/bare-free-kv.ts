import { type BareEnv, take } from "./bare.ts";

/** The bare handler with a free KV: keeps the value in this isolate, so KV's stand-in uses no CPU time. */
const values = new Map<string, string>();

export default {
  async fetch(request: Request, env: BareEnv): Promise<Response> {
    const userId = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const key = `connection:${userId}`;
    const stored = values.get(key) ?? (await env.CONNECTIONS.get(key));
    if (stored !== null) values.set(key, stored);
    return take(request, userId, { ...env, CONNECTIONS: { get: async () => stored } });
  },
};
