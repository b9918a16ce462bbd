/** Replaces the Queue: stores uploaded batches, and sends them to the consumer on request. */
interface Batch {
  id: string;
  timestamp: Date;
  attempts: number;
  body: unknown;
}
interface DriverEnv {
  CONSUMER: {
    queue(name: string, messages: Batch[]): Promise<{ outcome: string; retryMessages: unknown[] }>;
  };
}

let batches: Batch[][] = [];

interface Upload {
  userId: string;
  connectionId: string;
  secretId: string;
  /** Batches of [webhook id, body]. */
  batches: [string, string][][];
}

function unpack({ batches: given, ...common }: Upload): Batch[][] {
  const encoder = new TextEncoder();
  return given.map((batch) =>
    batch.map(([webhookId, body]) => ({
      id: webhookId,
      timestamp: new Date(),
      attempts: 1,
      body: {
        ...common,
        tenantId: `user:${common.userId}`,
        shared: false,
        webhookId,
        verification: "signature",
        signature: null,
        receivedAtMs: Date.now(),
        requestId: webhookId,
        body: encoder.encode(body),
        encoding: "identity",
      },
    })),
  );
}

export default {
  async fetch(request: Request, env: DriverEnv): Promise<Response> {
    if (request.method === "PUT") {
      batches = unpack(await request.json());
      return new Response(null);
    }
    for (const batch of batches) {
      const { outcome, retryMessages } = await env.CONSUMER.queue("aurora-pagerduty-webhooks", batch);
      if (outcome !== "ok" || retryMessages.length > 0) return new Response("retried", { status: 500 });
    }
    return new Response(null);
  },
};
