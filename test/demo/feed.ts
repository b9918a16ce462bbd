import type { Account } from "../emulator/pagerduty.ts";
import type { Attempt, Aurora } from "../support/aurora.ts";
import type { Notification } from "../support/notification.ts";
import type { Transcript } from "./transcript.ts";

/** `incident.custom_fields_updated` is the longest. */
const TYPE_WIDTH = 30;

/** One notification as a row: type, version, severity, status, time, custom fields, runbook. */
export function notificationRow({ type, data }: Notification, tookMs: number | null): string {
  const { version, severity, status, pagerdutyStatus, customFields } = data.incident;
  const fields = Object.entries(customFields).map(([name, value]) => `${name}=${String(value)}`);
  const took = tookMs === null ? "-" : `${tookMs} ms`;
  const columns = [
    type.padEnd(TYPE_WIDTH),
    `v${version}`.padEnd(3),
    severity.padEnd(8),
    status.padEnd(13),
    pagerdutyStatus.padEnd(12),
    took.padStart(8),
    [...fields, ...(data.runbook === undefined ? [] : [runbookOf(data.runbook)])].join("; "),
  ];
  return columns.join("  ").trimEnd();
}

function runbookOf(runbook: NonNullable<Notification["data"]["runbook"]> | null): string {
  if (runbook === null) return "no runbook";
  return runbook.content === null
    ? `runbook not fetched: ${runbook.error ?? "no reason given"}`
    : `runbook of ${runbook.content.length} characters`;
}

/** Prints what Aurora receives, each attempt once. */
export class Feed {
  readonly #aurora: Aurora;
  readonly #account: Account;
  readonly #transcript: Transcript;
  #printed = 0;

  constructor(aurora: Aurora, account: Account, transcript: Transcript) {
    this.#aurora = aurora;
    this.#account = account;
    this.#transcript = transcript;
  }

  /** Prints what came since the last time. */
  printNew(): void {
    for (const attempt of this.#aurora.attempts.slice(this.#printed)) {
      this.#transcript.detail(`Aurora got  ${this.#row(attempt)}`);
    }
    this.#printed = this.#aurora.attempts.length;
  }

  /** Prints everything as it comes, for as long as a Node timer can wait: 24 days. */
  async follow(): Promise<never> {
    for (;;) {
      await this.#aurora.waitFor("more", ({ attempts }) => attempts.length > this.#printed, 2 ** 31 - 1);
      this.printNew();
    }
  }

  #row(attempt: Attempt): string {
    const { body, status, problem } = attempt;
    const row = body === null ? attempt.path : notificationRow(body, this.#tookMs(attempt.at, body));
    if (problem !== null) return `${row}  refused with ${status}: ${problem}`;
    return status === 202 ? row : `${row}  answered with ${status}`;
  }

  /**
   * Milliseconds since PagerDuty first sent the webhook behind it; null when no webhook is. An analysis goes
   * back to the incident's trigger but is set off by its runbook: there the incident's latest webhook counts.
   */
  #tookMs(at: number, { type, data }: Notification): number | null {
    const incident = this.#account.incidents.get(data.incident.incidentId);
    const events = new Set(incident?.events.map(({ id }) => id));
    const sentAt = [...this.#account.subscriptions.values()]
      .flatMap(({ deliveries }) => deliveries)
      .filter(({ webhookId, eventId }) =>
        type === "incident.rca_requested" ? events.has(eventId) : webhookId === data.provenance.webhookId,
      )
      .flatMap(({ attempts }) => attempts.slice(0, 1).map((first) => first.at))
      .filter((sent) => sent <= at);
    return sentAt.length === 0 ? null : at - Math.max(...sentAt);
  }
}
