import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { buffer } from "node:stream/consumers";
import { RateLimits } from "./rate-limits.ts";

/**
 * Simulates KV, the Queue and the counters of the rate limits. All three run outside of the Worker's process, so they
 * survive a kill, as at Cloudflare. The Queue keeps no order and repeats some messages. KV returns stale, missing or
 * unreadable values.
 */

interface Message {
  id: string;
  timestamp: number;
  attempts: number;
  /** The body in base64, as the producer's binding serialized it. */
  body: string;
  dueAtMs: number;
}

/** The consumer's answer to a batch. */
interface Verdict {
  outcome: string;
  retryBatch: { retry: boolean };
  retryMessages: { msgId: string; delaySeconds?: number }[];
}

export interface PlatformCounts {
  "messages that the Queue refused": number;
  "messages that the Queue repeated": number;
  "stale, missing or unreadable values of KV": number;
  "failed reads of KV": number;
  "refused writes of KV": number;
}

const QUEUE = "aurora-pagerduty-webhooks";
const MAX_ATTEMPTS = 21;
const BATCH = 100;
/** The longest wait before a retry. At Cloudflare, a retry waits for seconds or minutes. */
const MAX_DELAY_MS = 500;
/** The share of messages that the Queue refuses because of its rate limit, from 0 to 1. */
const OVER_RATE = 0.05;
const RECEIPT = JSON.stringify({
  metadata: { metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 } },
});

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The platform has no port");
  return `127.0.0.1:${address.port}`;
}

/** KV, the Queue and the rate-limit counters of one Worker. `open` starts them. */
export class Platform {
  readonly counts: PlatformCounts = {
    "messages that the Queue refused": 0,
    "messages that the Queue repeated": 0,
    "stale, missing or unreadable values of KV": 0,
    "failed reads of KV": 0,
    "refused writes of KV": 0,
  };
  /** How many messages were delivered again because the consumer retried them or did not answer. */
  retries = 0;
  deadLetters = 0;
  isFaulty = false;
  isLimiting = false;
  readonly limits = new RateLimits();
  addresses = { kv: "", queue: "", counters: "" };
  readonly #values = new Map<string, Buffer[]>();
  readonly #random: () => number;
  readonly #servers: Server[] = [];
  #waiting: Message[] = [];
  #underWay = 0;
  #serial = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  async open(): Promise<void> {
    const kv = createServer(async (request, response) => {
      const key = new URL(request.url ?? "/", "http://kv").pathname.replaceAll("%3A", ":");
      const body = await buffer(request);
      const [status, value] = this.#kv(request.method ?? "GET", key, body);
      response.writeHead(status).end(value);
    });
    const queue = createServer(async (request, response) => {
      const body = (await buffer(request)).toString("base64");
      if (this.isFaulty && this.#random() < OVER_RATE) {
        this.counts["messages that the Queue refused"] += 1;
        response.writeHead(429).end();
        return;
      }
      this.push(body);
      response.writeHead(200, { "content-type": "application/json" }).end(RECEIPT);
    });
    const counters = createServer((request, response) => {
      const [, name = "", key = ""] = (request.url ?? "").split("/");
      const isWithin = !this.isLimiting || this.limits.take(name, key, Date.now());
      response.writeHead(isWithin ? 204 : 429).end();
    });
    this.#servers.push(kv, queue, counters);
    this.addresses = {
      kv: await listen(kv),
      queue: await listen(queue),
      counters: await listen(counters),
    };
  }

  /** The number of messages that are not acknowledged yet. */
  get backlog(): number {
    return this.#waiting.length + this.#underWay;
  }

  /** @param dispatcher the address of the Worker in `dispatcher.ts` */
  async dispatch(dispatcher: string): Promise<void> {
    const nowMs = Date.now();
    const due = this.#waiting.filter(({ dueAtMs }) => dueAtMs <= nowMs);
    const batch = due.sort(() => this.#random() - 0.5).slice(0, 1 + Math.floor(this.#random() * BATCH));
    if (batch.length === 0) return;
    const taken = new Set(batch);
    this.#waiting = this.#waiting.filter((message) => !taken.has(message));
    this.#underWay += batch.length;
    const messages = batch.map((message) => ({ ...message, attempts: ++message.attempts }));
    // A dead letter stays on the dead-letter queue until the queue's consumer acknowledges it.
    const dead = messages.filter(({ attempts }) => attempts > MAX_ATTEMPTS);
    const alive = messages.filter(({ attempts }) => attempts <= MAX_ATTEMPTS);
    this.deadLetters += dead.length;
    const [first, second] = await Promise.all([
      this.#offer(dispatcher, QUEUE, alive),
      this.#offer(dispatcher, "aurora-pagerduty-dead-letters", dead),
    ]);
    const again = new Set([...first, ...second]);
    for (const message of batch) {
      const duplicated = this.isFaulty && !again.has(message.id) && this.#random() < 0.05;
      if (duplicated) this.counts["messages that the Queue repeated"] += 1;
      if (again.has(message.id)) this.retries += 1;
      else if (!duplicated) continue;
      this.#waiting.push({ ...message, dueAtMs: Date.now() + this.#random() * MAX_DELAY_MS });
    }
    this.#underWay -= batch.length;
  }

  /** @returns the ids of the messages to deliver again */
  async #offer(dispatcher: string, queue: string, messages: Message[]): Promise<string[]> {
    if (messages.length === 0) return [];
    try {
      const answer = await fetch(dispatcher, { method: "POST", body: JSON.stringify({ queue, messages }) });
      if (!answer.ok) throw new Error(`The dispatcher answered ${answer.status}`);
      const verdict: Verdict = JSON.parse(await answer.text());
      if (verdict.outcome === "ok" && !verdict.retryBatch.retry) {
        return verdict.retryMessages.map(({ msgId }) => msgId);
      }
    } catch {
      // The Worker was killed during the batch, so the outcome is unknown. The whole batch is delivered again.
    }
    return messages.map(({ id }) => id);
  }

  push(body: string): void {
    const nowMs = Date.now();
    this.#serial += 1;
    this.#waiting.push({
      id: `message-${this.#serial}`,
      timestamp: nowMs,
      attempts: 0,
      body,
      dueAtMs: nowMs,
    });
  }

  valueOf(key: string): Buffer | undefined {
    return this.#values.get(key)?.at(-1);
  }

  /** Replaces all values of a key, so that KV returns no stale value. */
  put(key: string, value: Buffer): void {
    this.#values.set(key, [value]);
  }

  #kv(method: string, key: string, body: Buffer): [number, Buffer | undefined] {
    const versions = this.#values.get(key) ?? [];
    const dice = this.isFaulty ? this.#random() : 1;
    if (method !== "GET") {
      if (dice < 0.3) {
        this.counts["refused writes of KV"] += 1;
        return [dice < 0.15 ? 429 : 500, undefined];
      }
      this.#values.set(key, method === "PUT" ? [...versions, body] : []);
      return [200, undefined];
    }
    if (dice < 0.1) {
      this.counts["failed reads of KV"] += 1;
      return [500, undefined];
    }
    if (dice < 0.5) this.counts["stale, missing or unreadable values of KV"] += 1;
    if (dice < 0.2) return [404, undefined];
    if (dice < 0.3) return [200, Buffer.from("garbage")];
    const value = dice < 0.5 ? versions[0] : versions.at(-1);
    return value ? [200, value] : [404, undefined];
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }
}
