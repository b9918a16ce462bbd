import { randomBytes } from "node:crypto";
import { Clock } from "../emulator/clock.ts";
import { CONTROL_PATH } from "../emulator/control.ts";
import { applyFault, type FaultPlan } from "../emulator/faults.ts";
import { type Call, jsonReply, Listener, type Reply } from "../emulator/listener.ts";
import { answerConnectionCall, header } from "./connection-api.ts";
import { Directory } from "./directory.ts";
import { EVENTS_PATH, Receiver } from "./receiver.ts";
import { Tables } from "./tables.ts";
import { AnalysisLimit, type TaskContext } from "./task/context.ts";
import { answerWebhook, WEBHOOK_PATH } from "./webhook-route.ts";
import { Workers } from "./workers.ts";

export type { FaultPlan } from "../emulator/faults.ts";
export type { CredentialRow, Role, User } from "./directory.ts";
export type { Drop, DropReason, EventRow, IncidentRow, Prompt, Summary } from "./tables.ts";

/**
 * Emulates today's Aurora (Arvo-AI/aurora 7ffb464): its server and the receiver, both at one address. Each module
 * here names the files and functions of Aurora that it follows. The emulator leaves out OAuth, the language model's
 * answers, the knowledge base, and Aurora's 5-minute cache of a user's organisation.
 */
export interface TodaysAuroraOptions {
  /** Default: any free port. */
  port?: number;
  /** Default: a new random secret. */
  internalSecret?: string;
  /** The receiver's secrets, separated by commas. Each is `whsec_` and base64. Default: a new random secret. */
  eventsSecret?: string;
  /** Default: true. */
  receiver?: boolean;
  /** The URL of PagerDuty's US API. Without it Aurora cannot check a key. */
  pagerdutyUrl?: string;
  /** Whether Aurora's graph database answers. Default: true, as with Aurora's compose file. */
  memgraph?: boolean;
  /** The providers that are connected to Aurora. Default: none. */
  providers?: string[];
  /** Default: 5000 ms, as in Aurora. If null, an analysis starts only when `runWaiting` is called. */
  analysisDelayMs?: number | null;
  /**
   * Delays the task of a triggered event. In a backlog, tasks run in parallel, so the delayed task ends last.
   * Default: 20 ms.
   */
  correlationLatencyMs?: number;
  /** How long a summary or an analysis keeps one of the four workers. Default 0. */
  modelLatencyMs?: number;
  /** Default: the machine's clock, in milliseconds since the epoch. */
  nowMs?: () => number;
}

export interface AuroraCall {
  /** In milliseconds since the epoch. */
  readonly atMs: number;
  readonly method: string;
  /** The path with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Null until the call is answered. */
  status: number | "reset" | null;
}

const WEBHOOK_ROUTE = new RegExp(`^${WEBHOOK_PATH}[^/]+$`);
const ANALYSIS_DELAY_MS = 5_000;
const CORRELATION_LATENCY_MS = 20;

export async function startTodaysAurora(options: TodaysAuroraOptions = {}): Promise<TodaysAurora> {
  return new TodaysAurora(await Listener.open(options.port ?? 0), options);
}

/** A running emulator of Aurora, started by `startTodaysAurora`. */
export class TodaysAurora {
  /** The value for `AURORA_BACKEND_URL`. */
  readonly url: string;
  /** The value for `AURORA_EVENTS_URL` if the connector sends events to the receiver. */
  readonly eventsUrl: string;
  /** The value for `AURORA_EVENTS_URL` if the connector sends events to Aurora's own route. */
  readonly webhookUrl: string;
  readonly internalSecret: string;
  readonly eventsSecret: string;
  readonly directory = new Directory();
  readonly tables = new Tables();
  readonly workers = new Workers();
  readonly receiver: Receiver;
  /** Oldest first. */
  readonly calls: AuroraCall[] = [];
  fault: FaultPlan | null = null;
  readonly #analyses = new AnalysisLimit();
  readonly #hasReceiver: boolean;
  readonly #context: TaskContext;
  readonly #listener: Listener;
  readonly #closed = new AbortController();

  constructor(listener: Listener, options: TodaysAuroraOptions) {
    this.#listener = listener;
    this.url = listener.url;
    this.eventsUrl = listener.url + EVENTS_PATH;
    this.webhookUrl = `${listener.url}${WEBHOOK_PATH}{user_id}`;
    this.internalSecret = options.internalSecret ?? randomBytes(32).toString("base64");
    this.eventsSecret = options.eventsSecret ?? `whsec_${randomBytes(32).toString("base64")}`;
    this.#hasReceiver = options.receiver ?? true;
    // Aurora sorts rows by their times, so two rows must not have the same time. PostgreSQL's times have microseconds.
    // Ours have only milliseconds, so this clock returns each millisecond at most once.
    const clock = new Clock();
    this.#context = {
      directory: this.directory,
      tables: this.tables,
      workers: this.workers,
      analyses: this.#analyses,
      settings: {
        pagerdutyUrl: options.pagerdutyUrl ?? null,
        memgraph: options.memgraph ?? true,
        providers: options.providers ?? [],
        analysisDelayMs: options.analysisDelayMs === undefined ? ANALYSIS_DELAY_MS : options.analysisDelayMs,
        correlationLatencyMs: options.correlationLatencyMs ?? CORRELATION_LATENCY_MS,
        modelLatencyMs: options.modelLatencyMs ?? 0,
        nowMs: options.nowMs ?? (() => clock.nowMs()),
      },
    };
    this.receiver = new Receiver(this.#context, this.eventsSecret.split(","));
    listener.serve((call) => this.#record(call));
  }

  /** Runs every waiting analysis and retry now. Resolves when no task is queued or running. */
  async runWaiting(): Promise<void> {
    await this.workers.settled();
    this.workers.runWaiting();
    await this.workers.settled();
  }

  /** The addresses and the secrets stay. */
  reset(): void {
    this.directory.users.clear();
    this.directory.credentials = [];
    this.workers.clear();
    this.tables.clear();
    this.receiver.clear();
    this.#analyses.clear();
    this.calls.length = 0;
    this.fault = null;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.workers.clear();
    await this.#listener.close();
  }

  /**
   * For people who use the demo. The body of this call is a status, such as 503, and every later call gets this status.
   * An empty body ends the failures.
   */
  #setAnswer({ body }: Call): Reply {
    const status = Number(body);
    if (body !== "" && !(status >= 400 && status <= 599)) return jsonReply(400, { error: "400 to 599" });
    this.fault = body === "" ? null : { status, body: JSON.stringify({ error: "as was asked for" }) };
    return jsonReply(200, { answers: body === "" ? "as usual" : status });
  }

  async #record(call: Call): Promise<Reply | "reset"> {
    if (call.url.pathname === `${CONTROL_PATH}/answer`) return this.#setAnswer(call);
    const headers = Object.fromEntries(
      Object.entries(call.headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
    );
    const record: AuroraCall = {
      atMs: Date.now(),
      method: call.method,
      path: call.path,
      headers,
      body: call.body,
      status: null,
    };
    this.calls.push(record);
    const answer = (passed: Call) => this.#answer(passed);
    const reply = (await applyFault(this.fault, call, this.#closed.signal, answer)) ?? (await answer(call));
    record.status = reply === "reset" ? reply : reply.status;
    return reply;
  }

  async #answer(call: Call): Promise<Reply | "reset"> {
    const { pathname } = call.url;
    if (pathname === EVENTS_PATH && this.#hasReceiver) return await this.receiver.answer(call);
    // As in `verify_internal_api_secret` (server/main_compute.py), even a path that does not exist needs the secret.
    if (!pathname.startsWith(WEBHOOK_PATH) && header(call, "x-internal-secret") !== this.internalSecret) {
      return jsonReply(403, { error: "Forbidden: invalid or missing X-Internal-Secret header" });
    }
    if (call.method === "POST" && WEBHOOK_ROUTE.test(pathname)) return answerWebhook(this.#context, call);
    const { pagerdutyUrl } = this.#context.settings;
    const settings = { directory: this.directory, pagerdutyUrl, publicUrl: this.url };
    return (await answerConnectionCall(settings, call)) ?? jsonReply(404, { error: "Not found" });
  }
}
