import * as z from "zod/mini";
import { lacksNumber } from "../incidents/fold.ts";
import {
  type ChangeKind,
  ErrorClass,
  FIELDS_SUFFIX,
  Notification,
  Outcome,
  Verification,
} from "../incidents/incident.ts";
import { log } from "../log.ts";
import { columnOf, json, numberOf } from "./columns.ts";

/**
 * The `journal` table. Each row is called an entry, for example a webhook and how it was processed. Entries are in the
 * order of arrival. If Aurora has to be notified, the entry also holds the notification and the state of its delivery.
 * An event and its notification are thus stored by a single write.
 */

/**
 * `webhook`: PagerDuty posted it. `readback`: an incident read over REST because an unsigned webhook named it.
 * `recovery`: an incident read over REST because its webhooks were missed. `analysis`: a request for root-cause
 * analysis. `check`: a check found or repaired a problem of the subscription.
 */
export const EntryKind = z.enum(["webhook", "readback", "recovery", "analysis", "check"]);
export type EntryKind = z.infer<typeof EntryKind>;

/** `pending`: is sent next. `queued`: waits for the incident's earlier delivery. The API shows both as `pending`. */
export const DeliveryState = z.enum(["pending", "queued", "delivered", "dead"]);
export type DeliveryState = z.infer<typeof DeliveryState>;

export const TimelineLine = z.lazy(() =>
  z.object({
    kind: z.string(),
    from: z.nullable(z.string()),
    to: z.nullable(z.string()),
    text: z.nullable(z.string()),
  }),
);
export type TimelineLine = z.infer<typeof TimelineLine>;

export const TimelineLineColumn = json(TimelineLine);

/** An entry without its payload. */
export const Entry = z.object({
  seq: z.number(),
  kind: EntryKind,
  webhookId: z.nullable(z.string()),
  eventId: z.nullable(z.string()),
  incidentId: z.nullable(z.string()),
  type: z.string(),
  occurredAt: z.nullable(z.string()),
  receivedAtMs: z.number(),
  verification: z.nullable(Verification),
  outcome: Outcome,
  reason: z.nullable(z.string()),
  delivery: z.nullable(DeliveryState),
  attempts: z.number(),
  /**
   * How many of the delivery's requests were accepted by the receiver that `sentTo` identifies. Format `v3` can need
   * several requests.
   */
  sentParts: z.number(),
  sentTo: z.nullable(z.string()),
  nextAttemptAtMs: z.nullable(z.number()),
  plannedAtMs: z.nullable(z.number()),
  deliveredAtMs: z.nullable(z.number()),
  lastError: z.nullable(z.string()),
  lastAdvice: z.nullable(z.string()),
  failsAtMs: z.nullable(z.number()),
  /** The HTTP status of Aurora's answer to the last attempt; null if there was no attempt or no answer. */
  lastStatus: z.nullable(z.number()),
  errorClass: z.nullable(ErrorClass),
  requestId: z.nullable(z.string()),
  /** 1 if other tenants also got this unsigned webhook, because its URL leads to several tenants; otherwise null. */
  shared: z.nullable(z.number()),
  timelineLine: TimelineLineColumn,
  notification: json(Notification),
});
export type Entry = z.infer<typeof Entry>;

/** Parses a row of a list. Returns null if the row cannot be read, so that the other rows are still shown. */
export function readableEntry(row: unknown): Entry | null {
  const parsed = Entry.safeParse(row);
  if (!parsed.success) log.error("journal.unreadable", { mismatch: parsed.error.issues[0]?.code });
  return parsed.success ? parsed.data : null;
}

/** Whether lists hide an unsigned webhook: it went to several tenants, and is not confirmed for this tenant. */
export const isUndecided = ({ shared, outcome }: Entry) =>
  shared === 1 && (outcome === "unconfirmed" || outcome === "failed");
export const UNDECIDED = "coalesce(shared = 1 AND outcome IN ('unconfirmed', 'failed'), 0)";

/** Returns a delivery's id. The `webhook-id` of a request is this id, or this id followed by `FIELDS_SUFFIX`. */
export const deliveryIdOf = ({ notification }: Entry): string => notification?.messageId ?? "";

export const COLUMNS = `seq, kind, webhook_id AS webhookId, event_id AS eventId, incident_id AS incidentId, type,
  occurred_at AS occurredAt, received_at_ms AS receivedAtMs, verification, outcome, reason, delivery, attempts, sent_parts AS sentParts, sent_to AS sentTo,
  next_attempt_at_ms AS nextAttemptAtMs, planned_at_ms AS plannedAtMs, delivered_at_ms AS deliveredAtMs, last_error AS lastError,
  last_advice AS lastAdvice, fails_at_ms AS failsAtMs,
  last_status AS lastStatus, error_class AS errorClass, request_id AS requestId, shared, timeline_line AS timelineLine, notification`;

export type NewNotification = Omit<Notification, "messageId">;

export interface NewEntry {
  kind: EntryKind;
  type: string;
  receivedAtMs: number;
  outcome: Outcome;
  webhookId?: string | null;
  eventId?: string | null;
  incidentId?: string | null;
  occurredAt?: string | null;
  verification?: Verification | null;
  reason?: string | null;
  requestId?: string | null;
  shared?: boolean;
  timelineLine?: TimelineLine | null;
  notification?: NewNotification | null;
  payload?: Uint8Array | null;
}

/** The number that is stored for each lane. A lane is a group of deliveries: see `Lane` in delivery/outbox. */
export const LANE = { first: 0, again: 1, missingNumber: 2, context: 3 } as const;

/** Makes a delivery's id. The id contains the entry's number, so that no index is needed to find the entry. */
const messageIdOf = (seq: number) => `msg_${seq.toString(36)}_${crypto.randomUUID()}`;
const MESSAGE_ID = /^msg_([0-9a-z]{1,11})_[0-9a-f-]{36}$/;

function seqOfMessage(messageId: string): number | null {
  const seq = MESSAGE_ID.exec(messageId)?.[1];
  return seq === undefined ? null : Number.parseInt(seq, 36);
}

/**
 * Appends an entry. With a `dueAtMs`, the entry is also a delivery: `queued` if the incident has an unfinished
 * delivery, otherwise `pending`. The caller then stores the entry's number with `saveIncident`.
 * @param dueAtMs when the first attempt is due; null if there is nothing to deliver
 * @param contextWaitMs how long the first attempt waits for the incident's context
 * @returns the entry's number in the journal
 */
export function appendEntry(
  sql: SqlStorage,
  entry: NewEntry,
  dueAtMs: number | null,
  contextWaitMs = 0,
): number {
  const isQueued = dueAtMs !== null && hasOutstanding(sql, entry.incidentId ?? null);
  const delivery = dueAtMs === null ? null : isQueued ? "queued" : "pending";
  const seq = nextSeq(sql);
  const notification = entry.notification && { messageId: messageIdOf(seq), ...entry.notification };
  sql.exec(
    `INSERT INTO journal (seq, kind, webhook_id, event_id, incident_id, type, occurred_at, received_at_ms,
       verification, outcome, reason, delivery, lane, next_attempt_at_ms, request_id, shared, timeline_line,
       notification, payload, stored_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    seq,
    entry.kind,
    entry.webhookId ?? null,
    entry.eventId ?? null,
    entry.incidentId ?? null,
    entry.type,
    entry.occurredAt ?? null,
    entry.receivedAtMs,
    entry.verification ?? null,
    entry.outcome,
    entry.reason ?? null,
    delivery,
    delivery && laneOf(notification, contextWaitMs),
    delivery === "pending" && dueAtMs !== null ? dueAtMs + contextWaitMs : null,
    entry.requestId ?? null,
    entry.shared ? 1 : null,
    entry.timelineLine ? JSON.stringify(entry.timelineLine) : null,
    notification ? JSON.stringify(notification) : null,
    entry.payload ?? null,
    Date.now(),
  );
  return seq;
}

function laneOf(notification: Notification | null | undefined, contextWaitMs: number): number {
  if (contextWaitMs > 0) return LANE.context;
  return notification && lacksNumber(notification.incident) ? LANE.missingNumber : LANE.first;
}

/** Returns a number that no entry has had, not even an entry that was pruned. */
const nextSeq = (sql: SqlStorage): number =>
  Math.max(newestSeq(sql), numberOf(sql.exec("SELECT newest_seq FROM pruned WHERE id = 1")) ?? 0) + 1;

/** Returns the number of the newest entry; 0 if there is none. */
export const newestSeq = (sql: SqlStorage): number => numberOf(sql.exec("SELECT max(seq) FROM journal")) ?? 0;

/**
 * Whether the incident has an unfinished delivery. Usually only the incident's last delivery has to be checked. If
 * `revived` is 1, deliveries were queued late or again, so an earlier delivery may also be unfinished.
 */
export function hasOutstanding(sql: SqlStorage, incidentId: string | null): boolean {
  const [row] = sql.exec(
    `SELECT incidents.revived, journal.delivery FROM incidents
     LEFT JOIN journal ON journal.seq = incidents.last_delivery_seq WHERE incidents.incident_id = ?`,
    incidentId,
  );
  if (row?.["delivery"] === "pending" || row?.["delivery"] === "queued") return true;
  if (row?.["revived"] !== 1) return false;
  const [one] = sql.exec(
    "SELECT 1 FROM journal WHERE incident_id = ? AND delivery IN ('pending', 'queued') LIMIT 1",
    incidentId,
  );
  return one !== undefined;
}

/** @param rest the SQL after `WHERE` */
const entriesWhere = (sql: SqlStorage, rest: string, ...values: SqlStorageValue[]): Entry[] =>
  [...sql.exec(`SELECT ${COLUMNS} FROM journal WHERE ${rest}`, ...values)].map((row) => Entry.parse(row));

/** Returns an entry by its number; null if it was removed. */
export function entryAt(sql: SqlStorage, seq: number): Entry | null {
  return entriesWhere(sql, "seq = ?", seq)[0] ?? null;
}

/** Returns the first entry with this `X-Webhook-Id`. A proxy may give several events one id. */
export function firstEntryOfWebhook(sql: SqlStorage, webhookId: string): Entry | null {
  return entriesWhere(sql, "webhook_id = ? ORDER BY seq LIMIT 1", webhookId)[0] ?? null;
}

/**
 * Returns the entry of a webhook, by `X-Webhook-Id` and `event.id`. A failed entry without an event id also matches.
 * @param eventId null if the body is not an event
 */
export function entryOfWebhook(sql: SqlStorage, webhookId: string, eventId: string | null): Entry | null {
  const isSame = "(event_id IS ? OR event_id IS NULL AND outcome = 'failed')";
  return (
    entriesWhere(sql, `webhook_id = ? AND ${isSame} ORDER BY seq LIMIT 1`, webhookId, eventId)[0] ?? null
  );
}

/**
 * Returns the first entry of an event, by `event.id`. Skips failed entries.
 * @param incidentId the event's incident; null if it has none
 */
export function entryOfEvent(sql: SqlStorage, incidentId: string | null, eventId: string): Entry | null {
  const processed = "incident_id IS ? AND event_id = ? AND outcome <> 'failed' ORDER BY seq LIMIT 1";
  return entriesWhere(sql, processed, incidentId, eventId)[0] ?? null;
}

/** Returns a delivery's entry, by the `webhook-id` of any of the delivery's requests; null if there is none. */
export function entryOfDelivery(sql: SqlStorage, webhookId: string): Entry | null {
  const id = webhookId.endsWith(FIELDS_SUFFIX) ? webhookId.slice(0, -FIELDS_SUFFIX.length) : webhookId;
  const seq = seqOfMessage(id);
  const entry = seq === null ? null : entryAt(sql, seq);
  return entry && entry.delivery !== null && deliveryIdOf(entry) === id ? entry : null;
}

/** How many duplicates of one event are stored at most. */
export const MAX_DUPLICATES = 10;

/** Counts the entries of an event. */
export function countOfEvent(sql: SqlStorage, incidentId: string | null, eventId: string): number {
  const select = "SELECT count(*) FROM journal WHERE incident_id IS ? AND event_id = ?";
  return numberOf(sql.exec(select, incidentId, eventId)) ?? 0;
}

/** Returns the body that PagerDuty posted; null if none is stored. An unsigned webhook's body may be shortened. */
export function payloadOf(sql: SqlStorage, seq: number): Uint8Array<ArrayBuffer> | null {
  const [row] = sql.exec("SELECT payload FROM journal WHERE seq = ?", seq);
  const payload = row?.["payload"];
  return payload instanceof ArrayBuffer ? new Uint8Array(payload) : null;
}

/** Sets the entry's ids to null, so that a new entry of the same webhook can take its place. */
export function freeEntry(sql: SqlStorage, seq: number): void {
  sql.exec("UPDATE journal SET webhook_id = NULL, event_id = NULL, incident_id = NULL WHERE seq = ?", seq);
}

export function removeEntry(sql: SqlStorage, seq: number): void {
  sql.exec("DELETE FROM journal WHERE seq = ?", seq);
}

/** Returns the failed entries of these webhooks. */
export function failedEntries(sql: SqlStorage, webhookIds: readonly string[]): Entry[] {
  return webhookIds.flatMap((id) => entriesWhere(sql, "webhook_id = ? AND outcome = 'failed'", id));
}

/** Returns the ids of all webhooks that could not be processed, oldest first. */
export function failedWebhookIds(sql: SqlStorage): string[] {
  const rows = sql.exec(
    "SELECT webhook_id FROM journal WHERE outcome = 'failed' AND webhook_id IS NOT NULL ORDER BY seq",
  );
  return [...new Set(columnOf(rows, z.string()))];
}

export function countFailed(sql: SqlStorage): number {
  return numberOf(sql.exec("SELECT count(*) FROM journal WHERE outcome = 'failed'")) ?? 0;
}

/** Whether `kind` is a change of status, which always has a line on the timeline. */
export function isLifecycle(kind: ChangeKind): boolean {
  return kind === "created" || kind === "status_changed" || kind === "resolved" || kind === "reopened";
}
