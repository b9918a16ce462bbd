import * as z from "zod";
import type { AuroraCall, IncidentRow, TodaysAurora } from "../aurora/todays-aurora.ts";
import type { Account } from "../emulator/pagerduty.ts";
import type { Transcript } from "./transcript.ts";

const FOLLOW_EVERY_MS = 100;

/** The columns with their widths in characters. The last column needs no width. */
const COLUMNS = [
  ["Aurora is sent", 27],
  ["incident", 27],
  ["Aurora's list shows", 24],
  ["after", 8],
  ["custom fields", 0],
] as const;

const Sent = z.object({
  event: z.object({
    event_type: z.string(),
    data: z.object({
      id: z.optional(z.string()),
      incident: z.optional(z.object({ id: z.string() })),
    }),
  }),
});

export interface FeedEntry {
  eventType: string;
  title: string;
  /** The incident's row in Aurora's database; null until Aurora has stored the incident. */
  row: Pick<IncidentRow, "number" | "severity" | "status" | "metadata"> | null;
  /** Milliseconds from PagerDuty's webhook to the call to Aurora; null for an event without a webhook. */
  tookMs: number | null;
  /** The HTTP status of Aurora's answer. */
  status: AuroraCall["status"];
}

const cells = (texts: readonly string[]) =>
  texts
    .map((text, index) => text.padEnd(COLUMNS[index]?.[1] ?? 0))
    .join("  ")
    .trimEnd();

export const feedHead = (): string => cells(COLUMNS.map(([name]) => name));

export function feedRow({ eventType, title, row, tookMs, status }: FeedEntry): string {
  const fields = Object.entries(
    z.record(z.string(), z.unknown()).catch({}).parse(row?.metadata["customFields"]),
  );
  const [, width] = COLUMNS[1];
  const name = row === null ? title : `#${row.number} ${title}`;
  return cells([
    eventType.replace(/^incident\./, ""),
    name.length > width ? `${name.slice(0, width - 1)}…` : name,
    status !== 200 ? `refused with ${status}` : row === null ? "not yet" : `${row.severity}, ${row.status}`,
    tookMs === null ? "-" : `${tookMs} ms`,
    fields.map(([field, value]) => `${field}=${String(value)}`).join("; "),
  ]);
}

/** Prints each call to Aurora once, and how Aurora's list shows the incident after the call. */
export class Feed {
  readonly #aurora: TodaysAurora;
  readonly #account: Account;
  readonly #transcript: Transcript;
  #printed = 0;

  constructor(aurora: TodaysAurora, account: Account, transcript: Transcript) {
    this.#aurora = aurora;
    this.#account = account;
    this.#transcript = transcript;
  }

  head(): void {
    this.#transcript.detail(feedHead());
  }

  printNew(): void {
    const answered = this.#answered();
    for (const call of answered.slice(this.#printed)) this.#transcript.detail(feedRow(this.#entryOf(call)));
    this.#printed = answered.length;
  }

  async follow(): Promise<never> {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_EVERY_MS));
      this.printNew();
    }
  }

  #answered(): AuroraCall[] {
    return this.#aurora.calls.filter(({ status }) => status !== null);
  }

  #entryOf({ body, status, atMs }: AuroraCall): FeedEntry {
    const { event_type: eventType, data } = Sent.parse(JSON.parse(body)).event;
    const incidentId = data.incident?.id ?? data.id ?? "";
    const rows = this.#aurora.tables.incidents;
    return {
      eventType,
      title: this.#account.incidents.get(incidentId)?.title ?? incidentId,
      row: rows.find(({ metadata }) => metadata["incidentId"] === incidentId) ?? null,
      tookMs: this.#tookMs(incidentId, atMs),
      status,
    };
  }

  /**
   * Finds the incident's latest webhook that the connector accepted. Returns the milliseconds from the first attempt to
   * send this webhook until `atMs`; null if the connector accepted no webhook.
   */
  #tookMs(incidentId: string, atMs: number): number | null {
    const events = new Set(this.#account.incidents.get(incidentId)?.events.map(({ id }) => id));
    const sentAt = [...this.#account.subscriptions.values()]
      .flatMap(({ deliveries }) => deliveries)
      .filter(({ eventId, attempts }) => events.has(eventId) && attempts.at(-1)?.status === 202)
      .flatMap(({ attempts }) => attempts.slice(0, 1).map(({ at }) => at))
      .filter((at) => at <= atMs);
    return sentAt.length === 0 ? null : atMs - Math.max(...sentAt);
  }
}
