import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";

/** An emulated Aurora that accepts, refuses or holds all deliveries. */

export class Receiver {
  /** The value for `AURORA_EVENTS_URL`. */
  readonly url: string;
  /** When each incident's first delivery arrived, in milliseconds of `performance.now()`. */
  readonly arrivedAtMs = new Map<string, number>();
  accepted = 0;
  status = 202;
  /** The delay before each answer. */
  answerMs = 0;
  /** The time from a delivery's arrival to its answer, summed over all deliveries. */
  answeringMs = 0;
  #held: (() => void)[] | null = null;
  #waiting: { done: () => boolean; resolve: () => void } | null = null;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.url = `http://127.0.0.1:${port}/pagerduty/webhook/{user_id}`;
    this.#server = server;
    server.on("request", (request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<Receiver> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The receiver has no port");
    return new Receiver(server, address.port);
  }

  /** Holds back all answers until `release` is called. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const answer of held) answer();
  }

  /** Resolves as soon as `done` returns true. Calls `done` now and after each answer to a delivery. */
  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = { done, resolve };
    });
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAtMs = performance.now();
    const body: { event: { data: { id: string } } } = JSON.parse((await buffer(request)).toString());
    const incidentId = body.event.data.id;
    if (!this.arrivedAtMs.has(incidentId)) this.arrivedAtMs.set(incidentId, performance.now());
    const answer = () => {
      const { status } = this;
      response.writeHead(status).end();
      this.answeringMs += performance.now() - startedAtMs;
      if (status < 300) this.accepted += 1;
      if (!this.#waiting?.done()) return;
      this.#waiting.resolve();
      this.#waiting = null;
    };
    if (this.#held) this.#held.push(answer);
    else if (this.answerMs > 0) setTimeout(answer, this.answerMs);
    else answer();
  }
}
