import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Call {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** If true, the connection is reset in the middle of the body. */
  readonly cut?: boolean;
}

/** Returns the answer to a call, or `"reset"` to reset the connection instead. */
export type Handler = (call: Call) => Promise<Reply | "reset"> | Reply | "reset";

export function jsonReply(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) };
}

export function textReply(status: number, body: string): Reply {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body };
}

/** An HTTP server on loopback. */
export class Listener {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** @param port 0 means any free port */
  static async open(port: number): Promise<Listener> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    return new Listener(server, (server.address() as AddressInfo).port);
  }

  serve(handler: Handler): void {
    this.#server.on("request", (request, response) => {
      respond(handler, request, response).catch((error: unknown) => {
        // If the caller disconnected before the request was complete, there is nobody to answer.
        if (!request.complete) return;
        console.error("the emulator failed:", error);
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
    });
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function respond(handler: Handler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? "/";
  const call: Call = {
    method: request.method ?? "GET",
    path,
    url: new URL(path, "http://emulator.invalid"),
    headers: request.headers,
    body: await text(request),
  };
  const reply = await handler(call);
  if (reply === "reset") {
    request.socket.destroy();
    return;
  }
  if (reply.cut) {
    const body = reply.body ?? "";
    response.writeHead(reply.status, { ...reply.headers, "content-length": Buffer.byteLength(body) });
    response.write(body.slice(0, body.length / 2), () => request.socket.resetAndDestroy());
    return;
  }
  response.writeHead(reply.status, reply.headers);
  response.end(reply.body);
}
