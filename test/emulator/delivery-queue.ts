import { EventEmitter, once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import type { Faults } from "./faults.ts";
import { type Attempt, attemptWebhook, type Verdict, type WebhookRequest } from "./webhook-attempt.ts";

/** A webhook for one subscription. */
export interface Delivery {
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly attempts: Attempt[];
  state: "pending" | "delivered" | "dropped";
}

export interface SenderSettings {
  /** The first wait before a retry. The wait doubles each time, up to 2 s. */
  readonly retryDelayMs: number;
  readonly attemptTimeoutMs: number;
  /** How long a webhook is retried before it is dropped; at PagerDuty 48 h. */
  readonly retryForMs: number;
}

interface QueuedWebhook {
  readonly delivery: Delivery;
  readonly request: WebhookRequest;
}

const MAX_RETRY_DELAY_MS = 2000;
const MAX_CONCURRENT_ATTEMPTS = 16;
/** With the fault `shuffle`, an incident's webhooks are delayed by a random time of at most this length. */
const SHUFFLE_SPREAD_MS = 30;
const DUPLICATE_SPREAD_MS = 30;

/**
 * The webhooks of one subscription. Each incident has a lane: while a webhook is retried, later webhooks of its
 * incident wait.
 */
export class DeliveryQueue {
  readonly #settings: SenderSettings;
  readonly #faults: Faults;
  readonly #onEnd: (verdict: "delivered" | "drop") => void;
  readonly #lanes = new Map<string, QueuedWebhook[]>();
  readonly #signals = new EventEmitter();
  readonly #closed = new AbortController();
  #emptied = new AbortController();
  #freeSlots = MAX_CONCURRENT_ATTEMPTS;
  readonly #waitingForSlot: (() => void)[] = [];
  /** The number of lanes, plus the number of duplicates that are being sent. */
  #running = 0;

  /** @param onEnd is called when a webhook was delivered or dropped */
  constructor(settings: SenderSettings, faults: Faults, onEnd: (verdict: "delivered" | "drop") => void) {
    this.#settings = settings;
    this.#faults = faults;
    this.#onEnd = onEnd;
  }

  push(lane: string, webhook: QueuedWebhook): void {
    const waiting = this.#lanes.get(lane);
    if (waiting !== undefined) {
      waiting.push(webhook);
      return;
    }
    const webhooks = [webhook];
    this.#lanes.set(lane, webhooks);
    this.#track(this.#runLane(lane, webhooks));
  }

  /** Drops all pending webhooks without calling `onEnd`. */
  empty(): void {
    for (const webhooks of this.#lanes.values()) {
      for (const { delivery } of webhooks) if (delivery.state === "pending") delivery.state = "dropped";
    }
    this.#emptied.abort();
    this.#emptied = new AbortController();
  }

  close(): void {
    this.#closed.abort();
    this.empty();
  }

  /** Resolves when nothing is pending. After `timeoutMs`, rejects with an error that lists the pending webhooks. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.#running === 0) return;
    try {
      await once(this.#signals, "idle", { signal: AbortSignal.timeout(timeoutMs) });
    } catch (cause) {
      const pending = [...this.#lanes.values()].flat().filter(({ delivery }) => delivery.state === "pending");
      const names = pending.map(
        ({ delivery }) => `${delivery.eventType} ${delivery.webhookId} (${describe(delivery.attempts)})`,
      );
      throw new Error(`webhooks still pending after ${timeoutMs} ms: ${names.join("; ") || "a duplicate"}`, {
        cause,
      });
    }
  }

  async #runLane(lane: string, webhooks: QueuedWebhook[]): Promise<void> {
    if (this.#faults.shuffle) await this.#pause(Math.random() * SHUFFLE_SPREAD_MS);
    for (let webhook = webhooks[0]; webhook !== undefined; webhook = webhooks[0]) {
      await this.#deliver(webhook);
      webhooks.shift();
    }
    this.#lanes.delete(lane);
  }

  async #deliver(webhook: QueuedWebhook): Promise<void> {
    const { delivery } = webhook;
    const retryUntilMs = Date.now() + this.#settings.retryForMs;
    let delayMs = this.#settings.retryDelayMs;
    while (delivery.state === "pending") {
      let verdict = await this.#attempt(webhook);
      // `empty` dropped the webhook during the attempt.
      if (delivery.state !== "pending") return;
      if (verdict === "retry" && Date.now() + delayMs > retryUntilMs) verdict = "drop";
      if (verdict === "retry") {
        await this.#pause(delayMs);
        delayMs = Math.min(delayMs * 2, MAX_RETRY_DELAY_MS);
        continue;
      }
      delivery.state = verdict === "delivered" ? "delivered" : "dropped";
      if (verdict === "delivered" && Math.random() < this.#faults.duplicateRate)
        this.#track(this.#repeat(webhook));
      this.#onEnd(verdict);
    }
  }

  /** Sends a duplicate out of order: it may arrive after newer webhooks of its incident. */
  async #repeat(webhook: QueuedWebhook): Promise<void> {
    await this.#pause(Math.random() * DUPLICATE_SPREAD_MS);
    if (!this.#closed.signal.aborted) await this.#attempt(webhook);
  }

  async #attempt({ delivery, request }: QueuedWebhook): Promise<Verdict> {
    await this.#takeSlot();
    try {
      // `empty` may drop a webhook while the webhook waits for a slot.
      if (delivery.state === "dropped") return "drop";
      const { attempt, verdict } = await attemptWebhook(
        request,
        this.#settings.attemptTimeoutMs,
        this.#closed.signal,
      );
      delivery.attempts.push(attempt);
      return verdict;
    } finally {
      this.#giveSlot();
    }
  }

  async #takeSlot(): Promise<void> {
    if (this.#freeSlots > 0) this.#freeSlots -= 1;
    else await new Promise<void>((resolve) => this.#waitingForSlot.push(resolve));
  }

  #giveSlot(): void {
    const next = this.#waitingForSlot.shift();
    if (next === undefined) this.#freeSlots += 1;
    else next();
  }

  /** Waits for `delayMs`, or until `empty` is called. */
  async #pause(delayMs: number): Promise<void> {
    await wait(delayMs, undefined, { signal: this.#emptied.signal }).catch(() => undefined);
  }

  #track(work: Promise<void>): void {
    this.#running += 1;
    void work.finally(() => {
      this.#running -= 1;
      if (this.#running === 0) this.#signals.emit("idle");
    });
  }
}

function describe(attempts: readonly Attempt[]): string {
  return attempts.length === 0 ? "not sent yet" : attempts.map(({ status }) => status).join(", ");
}
