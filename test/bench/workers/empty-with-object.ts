/** An empty Worker with the connector's bindings and an empty Durable Object class. */
export class Tenant {
  async fetch(): Promise<Response> {
    return Response.json({ status: "ok" });
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    await request.arrayBuffer();
    return Response.json({ status: "ok" });
  },
};
