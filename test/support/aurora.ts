import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import * as z from "zod";
import { Notification } from "./notification.ts";
import { patienceMs } from "./patience.ts";

/** `acceptThenReset` accepts the POST, but resets the connection instead of answering. */
export type Answer =
  | { status: number; headers?: Record<string, string> }
  | { hang: true }
  | { reset: true }
  | { acceptThenReset: true };

/** A POST as it arrived. */
export interface Attempt {
  /** The time at which the whole body had arrived, in milliseconds since the epoch. */
  readonly at: number;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly raw: Uint8Array;
  readonly status: number | "hang" | "reset";
  /** `webhook-id`, or `x-webhook-id` at Aurora's own route. */
  readonly webhookId: string | null;
  /** True only if the POST has a signature, and this signature is valid under Standard Webhooks. */
  readonly signatureValid: boolean;
  readonly body: Notification | null;
  /** The reason why the POST was refused without calling `answer`; null if the POST was valid. */
  readonly problem: string | null;
}

export interface AuroraOptions {
  /** The secret: `whsec_` and base64. Default: a fresh random secret. */
  secret?: string;
  /** Default: any free port. */
  port?: number;
}

const EVENTS_PATH = "/pagerduty/events";
const OWN_ROUTE_PATH = "/pagerduty/webhook/";
const accept = (): Answer => ({ status: 202 });

/** Starts an emulated Aurora on loopback: a receiver of notifications, and Aurora's own webhook route for V3 events. */
export async function startAurora(options: AuroraOptions = {}): Promise<Aurora> {
  const server = createServer().listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Aurora has no port");
  const secret = options.secret ?? `whsec_${randomBytes(32).toString("base64")}`;
  return new Aurora(server, `http://127.0.0.1:${address.port}`, secret);
}

/** A running emulator of Aurora, started by `startAurora`. */
export class Aurora {
  /** The value for `AURORA_EVENTS_URL` with the format `notifications`. */
  readonly url: string;
  /** The value for `AURORA_EVENTS_URL` with the format `v3`. */
  readonly ownRouteUrl: string;
  readonly secret: string;
  readonly attempts: Attempt[] = [];
  /** The accepted notifications in the order of their arrival, including repetitions. */
  readonly accepted: Notification[] = [];
  /** Returns the answer to a valid POST. A malformed notification always gets 400, and a wrong signature 401. */
  answer: (attempt: { index: number; body: Notification | null }) => Answer = accept;
  readonly #distinct = new Map<string, Notification>();
  readonly #unanswered = new Set<ServerResponse>();
  readonly #signals = new EventEmitter().setMaxListeners(0);
  readonly #server: Server;
  readonly #webhook: Webhook;

  constructor(server: Server, origin: string, secret: string) {
    this.url = `${origin}${EVENTS_PATH}`;
    this.ownRouteUrl = `${origin}${OWN_ROUTE_PATH}{user_id}`;
    this.secret = secret;
    this.#server = server;
    this.#webhook = new Webhook(secret);
    server.on("request", (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        // An incomplete request does not count as an attempt. After a complete request, an error is a bug in `answer`.
        if (request.complete) console.error("Aurora failed:", error);
        request.socket.destroy();
      });
    });
  }

  /** The accepted notifications, without repetitions of a `webhook-id`. */
  get distinct(): Notification[] {
    return [...this.#distinct.values()];
  }

  /** How many POSTs hang: Aurora has not answered them, and the connector has not given them up. */
  get hanging(): number {
    return this.#unanswered.size;
  }

  of(incidentId: string): Notification[] {
    return this.distinct.filter(({ data }) => data.incident.incidentId === incidentId);
  }

  /** Checks the condition now and after each POST, and resolves as soon as the condition is true. */
  async waitFor(
    what: string,
    condition: (aurora: Aurora) => boolean,
    timeoutMs: number = patienceMs(),
  ): Promise<void> {
    const timeout = AbortSignal.timeout(timeoutMs);
    while (!condition(this)) {
      await once(this.#signals, "attempt", { signal: timeout }).catch((cause: unknown) => {
        const received = this.attempts
          .map((attempt, index) => `\n  ${index + 1}. ${describe(attempt)}`)
          .join("");
        const message = `waited ${timeoutMs} ms for ${what}; received so far:`;
        throw new Error(`${message}${received || " nothing"}`, { cause });
      });
    }
  }

  /** Removes the received attempts, and accepts every valid POST again. */
  reset(): void {
    this.attempts.length = 0;
    this.accepted.length = 0;
    this.#distinct.clear();
    this.answer = accept;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const raw = await buffer(request);
    if (request.method !== "POST") {
      response.writeHead(405, { allow: "POST" }).end();
      return;
    }
    const path = request.url ?? "/";
    const headers = headersOf(request);
    const webhookId = headers["webhook-id"] ?? headers["x-webhook-id"] ?? null;
    const signatureValid = this.#verify(raw, headers);
    const { body, problem } = path === EVENTS_PATH ? readNotification(raw) : NOT_READ;
    const refusal = refuse(path, signatureValid, problem);
    const answer = refusal?.answer ?? this.answer({ index: this.attempts.length, body });
    const status = "status" in answer ? answer.status : "hang" in answer ? "hang" : "reset";
    this.attempts.push({
      at: Date.now(),
      path,
      headers,
      raw: new Uint8Array(raw),
      status,
      webhookId,
      signatureValid,
      body,
      problem: refusal?.problem ?? null,
    });
    if (body !== null && isAcceptance(answer)) this.#accept(webhookId, body);
    if ("status" in answer) response.writeHead(answer.status, answer.headers).end();
    else if (status === "reset") request.socket.resetAndDestroy();
    else this.#unanswered.add(response.once("close", () => this.#unanswered.delete(response)));
    this.#signals.emit("attempt");
  }

  #verify(raw: Buffer, headers: Record<string, string>): boolean {
    try {
      this.#webhook.verify(raw, headers, { jsonParse: false });
      return true;
    } catch {
      return false;
    }
  }

  #accept(webhookId: string | null, body: Notification): void {
    this.accepted.push(body);
    // A notification always has an id, because its signature covers the id.
    if (webhookId !== null && !this.#distinct.has(webhookId)) this.#distinct.set(webhookId, body);
  }
}

interface Reading {
  readonly body: Notification | null;
  readonly problem: string | null;
}

interface Refusal {
  readonly answer: Answer;
  readonly problem: string;
}

/** A V3 event at Aurora's own route is not parsed: tests read `raw`. */
const NOT_READ: Reading = { body: null, problem: null };

function readNotification(raw: Buffer): Reading {
  try {
    const parsed = Notification.safeParse(JSON.parse(raw.toString()));
    if (parsed.success) return { body: parsed.data, problem: null };
    return { body: null, problem: z.prettifyError(parsed.error) };
  } catch {
    return { body: null, problem: "it is not JSON" };
  }
}

function refuse(path: string, signatureValid: boolean, problem: string | null): Refusal | null {
  if (path.startsWith(OWN_ROUTE_PATH)) return null;
  if (path !== EVENTS_PATH) return { answer: { status: 404 }, problem: "Aurora has no such path" };
  if (!signatureValid) return { answer: { status: 401 }, problem: "its signature is missing or wrong" };
  return problem === null ? null : { answer: { status: 400 }, problem };
}

function isAcceptance(answer: Answer): boolean {
  return "acceptThenReset" in answer || ("status" in answer && answer.status >= 200 && answer.status < 300);
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
  );
}

function describe({ body, path, status, problem }: Attempt): string {
  const what =
    body === null ? path : `${body.type} v${body.data.incident.version} of ${body.data.incident.incidentId}`;
  return `${what} → ${status}${problem === null ? "" : `: ${problem}`}`;
}
