import { randomBytes } from "node:crypto";
import { Clock } from "../emulator/clock.ts";
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
 * Today's Aurora (Arvo-AI/aurora 7ffb464) as this connector calls it: its server, and beside it the receiver, behind
 * one private entrance. Derived from Aurora's source, whose files and functions each module here names.
 * Left out: OAuth, the model's answers, the knowledge base's part of a prompt, and the 5 minutes for which Aurora
 * caches a user's organisation.
 */
export interface TodaysAuroraOptions {
  /** Default: any free one. */
  port?: number;
  /** `X-Internal-Secret`. Default: a fresh random one. */
  internalSecret?: string;
  /** For the receiver, each `whsec_` and base64, several with commas. Default: a fresh random one. */
  eventsSecret?: string;
  /** Whether the receiver runs beside Aurora's server. Default true. */
  receiver?: boolean;
  /** PagerDuty's US API. Without it Aurora cannot check a key. */
  pagerdutyUrl?: string;
  /** Whether Aurora's graph database answers, as with its compose file. Default true. */
  memgraph?: boolean;
  /** What Aurora has connected. Default: nothing. */
  providers?: string[];
  /** Default 5000, as at Aurora; null: never before `runWaiting`. */
  analysisDelayMs?: number | null;
  /** How much longer a triggered event's task takes than others: after a backlog it then ends last. Default 20. */
  correlationLatencyMs?: number;
  /** How long a summary or an analysis keeps one of the four workers. Default 0. */
  modelLatencyMs?: number;
  /** Default: the machine's clock, in milliseconds since the epoch. */
  nowMs?: () => number;
}

/** A call as Aurora's entrance saw it. */
export interface AuroraCall {
  /** In milliseconds since the epoch. */
  readonly atMs: number;
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Null until it is answered. */
  status: number | "reset" | null;
}

const WEBHOOK_ROUTE = new RegExp(`^${WEBHOOK_PATH}[^/]+$`);
const ANALYSIS_DELAY_MS = 5_000;
const CORRELATION_LATENCY_MS = 20;

export async function startTodaysAurora(options: TodaysAuroraOptions = {}): Promise<TodaysAurora> {
  return new TodaysAurora(await Listener.open(options.port ?? 0), options);
}

/** A running Aurora. Use `startTodaysAurora`. */
export class TodaysAurora {
  /** For `AURORA_BACKEND_URL`. */
  readonly url: string;
  /** For `AURORA_EVENTS_URL`, with the receiver. */
  readonly eventsUrl: string;
  /** For `AURORA_EVENTS_URL`, with Aurora's own route. */
  readonly webhookUrl: string;
  readonly internalSecret: string;
  readonly eventsSecret: string;
  /** Users, roles and credentials. */
  readonly directory = new Directory();
  readonly tables = new Tables();
  readonly workers = new Workers();
  readonly receiver: Receiver;
  /** Oldest first. */
  readonly calls: AuroraCall[] = [];
  /** A fault of the entrance, in place of or before the answer; null: none. */
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
    // Never the same millisecond twice: PostgreSQL's timestamps are finer, and Aurora takes the latest row first.
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

  /** Runs every waiting analysis and retry now, and the tasks that they start. */
  async runWaiting(): Promise<void> {
    await this.workers.settled();
    this.workers.runWaiting();
    await this.workers.settled();
  }

  /** Forgets users, rows, calls and faults; the addresses and secrets stay. */
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

  async #record(call: Call): Promise<Reply | "reset"> {
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
    // `verify_internal_api_secret`, in server/main_compute.py: paths that do not exist are refused, too.
    if (!pathname.startsWith(WEBHOOK_PATH) && header(call, "x-internal-secret") !== this.internalSecret) {
      return jsonReply(403, { error: "Forbidden: invalid or missing X-Internal-Secret header" });
    }
    if (call.method === "POST" && WEBHOOK_ROUTE.test(pathname)) return answerWebhook(this.#context, call);
    const { pagerdutyUrl } = this.#context.settings;
    const settings = { directory: this.directory, pagerdutyUrl, publicUrl: this.url };
    return (await answerConnectionCall(settings, call)) ?? jsonReply(404, { error: "Not found" });
  }
}
