import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook } from "./schemas.ts";

export interface ReceivedWebhook {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: Webhook["event"];
}

type Answer = (webhook: ReceivedWebhook) => number | "never" | Promise<number>;

/** Stores the webhooks that it receives, and answers with the status that a test sets. */
export class WebhookReceiver {
  readonly url: string;
  readonly received: ReceivedWebhook[] = [];
  answer: Answer = () => 202;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}/webhook`;
    server.on("request", async (request, response) => {
      const body = await text(request);
      const webhook = { headers: request.headers, body, event: Webhook.parse(JSON.parse(body)).event };
      this.received.push(webhook);
      const status = await this.answer(webhook);
      if (status !== "never") response.writeHead(status).end();
    });
  }

  static async open(): Promise<WebhookReceiver> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new WebhookReceiver(server, (server.address() as AddressInfo).port);
  }

  types(): string[] {
    return this.received.map(({ event }) => event.event_type);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
