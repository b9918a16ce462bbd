import { randomUUID } from "node:crypto";
import { patienceMs } from "../support/patience.ts";
import { type Delivery, DeliveryQueue, type SenderSettings } from "./delivery-queue.ts";
import type { Faults } from "./faults.ts";
import { objectId, signingSecret } from "./identifier.ts";
import { EVENT_TYPES, sign, type WebhookEvent, webhookBody } from "./webhook-event.ts";

/** A filter for the whole account has no `id`. */
export interface SubscriptionFilter {
  type: string;
  id?: string | undefined;
}

export interface CustomHeader {
  readonly name: string;
  readonly value: string;
}

export interface SubscriptionOptions {
  url: string;
  /** Default: every event type. */
  events?: string[] | undefined;
  /** Default: the whole account. */
  filter?: SubscriptionFilter | undefined;
  description?: string | undefined;
  active?: boolean | undefined;
  customHeaders?: CustomHeader[] | undefined;
}

export interface EventOrigin {
  readonly serviceId: string;
  readonly teamId: string;
}

const DROPS_UNTIL_DISABLED = 3;
const DISABLED_FOR_MS = 24 * 60 * 60 * 1000;
/** The largest webhook that PagerDuty sends. */
const MAX_BODY_BYTES = 256 * 1024;

/** A V3 webhook subscription with all its webhooks. */
export class Subscription {
  readonly id = objectId();
  readonly deliveryMethodId = objectId();
  readonly secret = signingSecret();
  url: string;
  events: string[];
  filter: SubscriptionFilter;
  description: string;
  active: boolean;
  readonly customHeaders: readonly CustomHeader[];
  /** Oldest first. A webhook that was never sent has no attempts and the state `dropped`. */
  readonly deliveries: Delivery[] = [];
  readonly #queue: DeliveryQueue;
  #dropsInARow = 0;
  #disabledUntilMs = 0;

  constructor(options: SubscriptionOptions, settings: SenderSettings, faults: Faults) {
    this.url = options.url;
    this.events = options.events ?? [...EVENT_TYPES];
    this.filter = options.filter ?? { type: "account_reference" };
    this.description = options.description ?? "";
    this.active = options.active ?? true;
    this.customHeaders = options.customHeaders ?? [];
    this.#queue = new DeliveryQueue(settings, faults, (verdict) => this.#heed(verdict));
  }

  /**
   * A disabled subscription stays disabled for 24 h, or until a call enables it. Tests can set `temporarilyDisabled`
   * directly.
   */
  get temporarilyDisabled(): boolean {
    return Date.now() < this.#disabledUntilMs;
  }

  set temporarilyDisabled(disabled: boolean) {
    this.#disabledUntilMs = disabled ? Date.now() + DISABLED_FOR_MS : 0;
    this.#dropsInARow = 0;
    if (disabled) this.#queue.empty();
  }

  /** Tests can send undocumented event types: these types match every list of `events`. */
  matches(event: WebhookEvent, origin: EventOrigin): boolean {
    if (!this.active) return false;
    if (EVENT_TYPES.includes(event.event_type) && !this.events.includes(event.event_type)) return false;
    switch (this.filter.type) {
      case "service_reference":
        return this.filter.id === origin.serviceId;
      case "team_reference":
        return this.filter.id === origin.teamId;
      default:
        return true;
    }
  }

  /** Queues an event, even if it does not match the filter. */
  send(event: WebhookEvent, incidentId: string | null): void {
    const body = webhookBody(event);
    const unsent = this.temporarilyDisabled || Buffer.byteLength(body) > MAX_BODY_BYTES;
    const delivery: Delivery = {
      webhookId: randomUUID(),
      eventId: event.id,
      eventType: event.event_type,
      attempts: [],
      state: unsent ? "dropped" : "pending",
    };
    this.deliveries.push(delivery);
    if (unsent) return;
    const headers = {
      ...Object.fromEntries(this.customHeaders.map(({ name, value }) => [name, value])),
      "Content-Type": "application/json",
      "User-Agent": "PagerDuty-Webhook/V3.0",
      "X-PagerDuty-Signature": sign(this.secret, body),
      "X-Webhook-Id": delivery.webhookId,
      "X-Webhook-Subscription": this.id,
    };
    this.#queue.push(incidentId ?? delivery.webhookId, {
      delivery,
      request: { url: this.url, headers, body },
    });
  }

  /**
   * Resolves when the queue is empty and all duplicates (`faults.duplicateRate`) are sent. If this takes longer than
   * `timeoutMs`, rejects with an error that names the pending webhooks.
   */
  async idle(timeoutMs: number = patienceMs()): Promise<void> {
    await this.#queue.idle(timeoutMs);
  }

  /** Drops pending webhooks, and aborts running attempts. */
  close(): void {
    this.#queue.close();
  }

  #heed(verdict: "delivered" | "drop"): void {
    this.#dropsInARow = verdict === "delivered" ? 0 : this.#dropsInARow + 1;
    if (this.#dropsInARow >= DROPS_UNTIL_DISABLED) this.temporarilyDisabled = true;
  }
}
