/** Replaces Workers KV with a map in memory, in the protocol of the binding. */
const values = new Map<string, string>();

export default {
  async fetch(request: Request): Promise<Response> {
    const key = new URL(request.url).pathname;
    if (request.method === "PUT") {
      values.set(key, await request.text());
      return new Response(null);
    }
    if (request.method === "DELETE") {
      values.delete(key);
      return new Response(null);
    }
    const value = values.get(key);
    return value === undefined ? new Response(null, { status: 404 }) : new Response(value);
  },
};
