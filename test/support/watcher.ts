import { once } from "node:events";
import { WebSocket } from "ws";
import * as z from "zod";
import { until } from "./until.ts";

const Message = z.looseObject({ type: z.enum(["incident", "delivery", "status"]) });
export type Message = z.infer<typeof Message>;

/** A client of the WebSocket `GET /pagerduty/live`. */
export class Watcher {
  readonly messages: Message[] = [];
  readonly pongs: string[] = [];
  readonly socket: WebSocket;
  closedWith: number | null = null;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => {
      const text = String(data);
      if (text === "pong") this.pongs.push(text);
      else this.messages.push(Message.parse(JSON.parse(text)));
    });
    socket.on("close", (code) => {
      this.closedWith = code;
    });
  }

  of(type: Message["type"]): Message[] {
    return this.messages.filter((message) => message.type === type);
  }

  async waitFor(what: string, condition: (messages: Message[]) => boolean): Promise<void> {
    await until(`${what}; got ${JSON.stringify(this.messages)}`, () => condition(this.messages));
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, "close");
    this.socket.close(1000);
    await closed;
  }
}

/** Opens a WebSocket with the given headers. @returns the watcher, or the status of the refusal */
export async function watch(url: string, headers: Record<string, string>): Promise<Watcher | number> {
  const socket = new WebSocket(url.replace(/^http/, "ws"), { headers });
  const watcher = new Watcher(socket);
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(watcher));
    socket.once("unexpected-response", (request, response) => {
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
    socket.once("error", reject);
  });
}
