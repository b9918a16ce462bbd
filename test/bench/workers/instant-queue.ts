/** Behaves like a Queue whose `max_batch_timeout` is 0: passes on the waiting messages when the consumer is free. */
interface Message {
  id: string;
  timestamp: Date;
  attempts: number;
  serializedBody: Uint8Array;
}
interface QueueEnv {
  CONSUMER: {
    queue(name: string, messages: Message[]): Promise<{ outcome: string; retryMessages: unknown[] }>;
  };
}

const MAX_BATCH = 100;
const RECEIPT = JSON.stringify({
  metadata: { metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 } },
});

let waiting: Message[] = [];
let serial = 0;
let isPumping = false;

/** @throws if the consumer does not acknowledge every message */
async function pump(env: QueueEnv): Promise<void> {
  if (isPumping) return;
  isPumping = true;
  while (waiting.length > 0) {
    const batch = waiting.slice(0, MAX_BATCH);
    waiting = waiting.slice(MAX_BATCH);
    const { outcome, retryMessages } = await env.CONSUMER.queue("aurora-pagerduty-webhooks", batch);
    if (outcome !== "ok" || retryMessages.length > 0) throw new Error(`The consumer said ${outcome}`);
  }
  isPumping = false;
}

export default {
  async fetch(
    request: Request,
    env: QueueEnv,
    ctx: { waitUntil(work: Promise<void>): void },
  ): Promise<Response> {
    serial += 1;
    const serializedBody = new Uint8Array(await request.arrayBuffer());
    waiting.push({ id: `message-${serial}`, timestamp: new Date(), attempts: 1, serializedBody });
    ctx.waitUntil(pump(env));
    return new Response(RECEIPT, { headers: { "content-type": "application/json" } });
  },
};
