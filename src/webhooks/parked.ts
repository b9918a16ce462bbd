import { log } from "../log.ts";
import { readBody } from "../pagerduty/event.ts";
import {
  appendEntry,
  entryOfWebhook,
  failedEntries,
  failedWebhookIds,
  payloadOf,
} from "../storage/journal.ts";
import type { RecordContext } from "../storage/record.ts";
import { type Intake, recordOf, type Taken } from "./intake.ts";
import type { ReceivedWebhook, Trust } from "./received.ts";
import type { Verifier } from "./verify.ts";

/** Parks webhooks that could not be processed: stores them as `failed` entries, and retries them on request. */

/** How many parked webhooks may be in memory at the same time; each has up to 256 KiB. */
const RETRY_BATCH = 20;

const REASON =
  "Every attempt to process it failed; look in the log for webhook.processed with this webhookId";

export class ParkedWebhooks {
  readonly #context: RecordContext;
  readonly #verifier: Verifier;
  readonly #intake: Intake;

  constructor(context: RecordContext, verifier: Verifier, intake: Intake) {
    this.#context = context;
    this.#verifier = verifier;
    this.#intake = intake;
  }

  /**
   * Processes each webhook once more. Parks webhooks that fail again, except webhooks that the verifier refuses.
   */
  async parkAll(webhooks: ReceivedWebhook[]): Promise<Taken[]> {
    const outcomes: Taken[] = [];
    for (const webhook of webhooks) {
      const outcome = await this.#intake.take(webhook);
      outcomes.push(outcome);
      if (outcome !== "failed") continue;
      const verdict = await this.#verifier.verifyToPark(webhook);
      const trusted = typeof verdict === "object";
      if (trusted) park(this.#context.sql, { ...webhook, shared: verdict.shared }, verdict.trust);
      const { requestId, userId, webhookId } = webhook;
      log.error("webhook.parked", { requestId, userId, webhookId, trusted });
    }
    return outcomes;
  }

  /**
   * @param webhookIds null for all parked webhooks
   * @returns how many webhooks did not fail again
   */
  async retry(
    webhookIds: readonly string[] | null,
    connection: { tenantId: string; connectionId: string; userId: string },
  ): Promise<number> {
    const { sql } = this.#context;
    const ids = webhookIds ?? failedWebhookIds(sql);
    let worked = 0;
    for (let start = 0; start < ids.length; start += RETRY_BATCH) {
      const batch = parkedWebhooks(sql, ids.slice(start, start + RETRY_BATCH), connection);
      for (const { webhook, trust } of batch) {
        // The webhook keeps the trust that it had when it was parked, even if its signing secret has been removed.
        if ((await this.#intake.take(webhook, trust)) !== "failed") worked += 1;
      }
    }
    return worked;
  }
}

/** Stores a webhook as `failed`, without applying its event. */
export function park(sql: SqlStorage, webhook: ReceivedWebhook, trust: Trust): void {
  const read = readBody(webhook.body);
  const eventId = read.ok ? read.event.id : null;
  if (entryOfWebhook(sql, webhook.webhookId, eventId)) return;
  const stored = { ...recordOf(webhook, trust), eventId, verification: trust, reason: REASON };
  appendEntry(sql, { ...stored, kind: "webhook", type: "unknown", outcome: "failed" }, null);
}

function parkedWebhooks(
  sql: SqlStorage,
  webhookIds: readonly string[],
  connection: { tenantId: string; connectionId: string; userId: string },
): { webhook: ReceivedWebhook; trust: Trust }[] {
  return failedEntries(sql, webhookIds).flatMap((entry) => {
    const body = payloadOf(sql, entry.seq);
    const { webhookId, receivedAtMs } = entry;
    if (!body || webhookId === null) return [];
    const trust: Trust = entry.verification === "signature" ? "signature" : "callback";
    const requestId = entry.requestId ?? webhookId;
    return [
      {
        webhook: {
          ...connection,
          webhookId,
          verification: trust,
          secretId: null,
          shared: entry.shared === 1,
          signature: null,
          receivedAtMs,
          requestId,
          body,
        },
        trust,
      },
    ];
  });
}
