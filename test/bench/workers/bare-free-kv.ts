import { type BareEnv, take } from "./bare.ts";

/** The bare handler without the cost of KV: keeps the signing secret in memory after the first read of KV. */
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
