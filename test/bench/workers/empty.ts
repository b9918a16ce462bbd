/** The lower bound: a Worker that reads the body and answers 202. */
export default {
  async fetch(request: Request): Promise<Response> {
    await request.arrayBuffer();
    return Response.json({ received: true }, { status: 202 });
  },
};
