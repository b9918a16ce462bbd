/** A Worker that passes batches of the simulated Queue to the consumer, unchanged. */
interface Dispatch {
  queue: string;
  messages: { id: string; timestamp: number; attempts: number; body: string }[];
}
interface DispatcherEnv {
  CONSUMER: { queue(name: string, messages: unknown[]): Promise<unknown> };
}

export default {
  async fetch(request: Request, env: DispatcherEnv): Promise<Response> {
    const { queue, messages }: Dispatch = await request.json();
    const batch = messages.map(({ id, timestamp, attempts, body }) => ({
      id,
      timestamp: new Date(timestamp),
      attempts,
      serializedBody: Uint8Array.from(atob(body), (char) => char.charCodeAt(0)),
    }));
    return Response.json(await env.CONSUMER.queue(queue, batch));
  },
};
