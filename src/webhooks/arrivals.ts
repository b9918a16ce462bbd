import type { Outcome } from "../incidents/incident.ts";
import { describe, log } from "../log.ts";
import { count } from "../metrics.ts";
import { failedWebhookIds } from "../storage/journal.ts";
import type { RecordContext } from "../storage/record.ts";
import { failedWebhooks, park, takeIn } from "./intake.ts";
import type { ReceivedWebhook } from "./received.ts";
import type { Verifier } from "./verify.ts";

/** How many parked webhooks are in memory at once; each has up to 256 KiB. */
const RETRY_BATCH = 20;

/** Webhooks as they arrive, each by itself: one that fails does not hold up the others. */
export class Arrivals {
  readonly #context: RecordContext;
  readonly #verifier: Verifier;

  constructor(context: RecordContext, verifier: Verifier) {
    this.#context = context;
    this.#verifier = verifier;
  }

  /** Believed as far as the gate says. @returns one outcome for each, `failed` for those to be tried again */
  async takeAll(webhooks: ReceivedWebhook[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const webhook of webhooks)
      outcomes.push(await this.#take(webhook, () => this.#verifier.trust(webhook)));
    log.info("batch.processed", { userId: webhooks[0]?.userId, webhooks: webhooks.length });
    return outcomes;
  }

  /** What fails for the last time is kept, unread, until somebody asks for another try. */
  async parkAll(webhooks: ReceivedWebhook[]): Promise<void> {
    for (const webhook of webhooks) {
      // What stood in its way may be over by now.
      if ((await this.#take(webhook, () => this.#verifier.trust(webhook))) !== "failed") continue;
      const trust = await this.#verifier.trustToPark(webhook);
      if (trust) park(this.#context.sql, webhook, trust);
      const { requestId, userId, webhookId } = webhook;
      log.error("webhook.parked", { requestId, userId, webhookId, trusted: trust !== null });
    }
  }

  /**
   * Tries again what was parked.
   * @param webhookIds null for all of it
   * @returns how many worked
   */
  async retry(
    webhookIds: readonly string[] | null,
    connection: { tenantId: string; connectionId: string; userId: string },
  ): Promise<number> {
    const { sql } = this.#context;
    const ids = webhookIds ?? failedWebhookIds(sql);
    let worked = 0;
    for (let start = 0; start < ids.length; start += RETRY_BATCH) {
      const batch = failedWebhooks(sql, ids.slice(start, start + RETRY_BATCH), connection);
      for (const { webhook, trust } of batch) {
        // It was believed when it was parked; a secret that went since does not change that.
        if ((await this.#take(webhook, async () => trust)) !== "failed") worked += 1;
      }
    }
    return worked;
  }

  async #take(
    webhook: ReceivedWebhook,
    judge: () => Promise<"signature" | "callback" | null>,
  ): Promise<Outcome> {
    const nowMs = Date.now();
    const { requestId, userId, webhookId, receivedAtMs } = webhook;
    let outcome: Outcome = "ignored";
    let error: string | undefined;
    try {
      const trust = await judge();
      if (trust) {
        outcome = this.#context.storage.transactionSync(() => takeIn(this.#context, webhook, trust, nowMs));
      } else error = "It came for a connection that is no longer there";
    } catch (thrown) {
      outcome = "failed";
      error = describe(thrown);
    }
    const waitedMs = nowMs - receivedAtMs;
    const level = outcome === "failed" ? "error" : "info";
    log[level]("webhook.processed", { requestId, userId, webhookId, outcome, error, waitedMs });
    count("processed", userId, outcome, waitedMs);
    return outcome;
  }
}
