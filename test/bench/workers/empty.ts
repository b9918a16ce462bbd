/** The empty handler: reads the body and answers 202. Every other handler does at least this work. */
export default {
  async fetch(request: Request): Promise<Response> {
    await request.arrayBuffer();
    return Response.json({ received: true }, { status: 202 });
  },
};
