/** The floor: a Worker that reads the body and says yes. */
export default {
  async fetch(request: Request): Promise<Response> {
    await request.arrayBuffer();
    return Response.json({ received: true }, { status: 202 });
  },
};
