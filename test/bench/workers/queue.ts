/** Replaces a Queue: accepts every message and drops it. */
const RECEIPT = JSON.stringify({
  metadata: { metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 } },
});

export default {
  async fetch(request: Request): Promise<Response> {
    // The sender waits until the body is read.
    await request.arrayBuffer();
    return new Response(RECEIPT, { headers: { "content-type": "application/json" } });
  },
};
