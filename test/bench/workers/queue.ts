/** Stands for a Queue: accepts every message and drops it. */
const RECEIPT = JSON.stringify({
  metadata: { metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 } },
});

export default {
  async fetch(request: Request): Promise<Response> {
    // An unread body would keep the sender waiting.
    await request.arrayBuffer();
    return new Response(RECEIPT, { headers: { "content-type": "application/json" } });
  },
};
