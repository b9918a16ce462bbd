import * as z from "zod/mini";
import { type ChangeKind, Notification, Outcome, Verification } from "../incidents/incident.ts";

/**
 * The `journal` table: everything that happened, in the order of arrival. An entry says what came, what it
 * did, and, when Aurora has to know, how its delivery stands; so an event and the notification that follows
 * from it are one row, written in one go.
 */

/**
 * `webhook`: what PagerDuty posted. `readback`: an incident read over REST because a webhook hinted at it.
 * `recovery`: one read because it was missed. `analysis`: a request for
 * root-cause analysis. `guardian`: what we noticed or mended ourselves.
 */
export const EntryKind = z.enum(["webhook", "readback", "recovery", "analysis", "guardian"]);
export type EntryKind = z.infer<typeof EntryKind>;

/** `pending` is its incident's next; `queued` waits behind it. The API calls both pending. */
export const DeliveryState = z.enum(["pending", "queued", "delivered", "dead"]);
export type DeliveryState = z.infer<typeof DeliveryState>;

/** One line of an incident's timeline. */
export const TimelineLine = z.object({
  kind: z.string(),
  from: z.nullable(z.string()),
  to: z.nullable(z.string()),
  text: z.nullable(z.string()),
});
export type TimelineLine = z.infer<typeof TimelineLine>;

const json = <T>(schema: z.ZodMiniType<T>) =>
  z.pipe(
    z.nullable(z.string()),
    z.transform((text: string | null) => (text === null ? null : schema.parse(JSON.parse(text)))),
  );

/** Everything of an entry but its payload. */
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
  nextAttemptAtMs: z.nullable(z.number()),
  plannedAtMs: z.nullable(z.number()),
  deliveredAtMs: z.nullable(z.number()),
  lastError: z.nullable(z.string()),
  requestId: z.nullable(z.string()),
  signature: z.nullable(z.string()),
  /** Whether other tenants have the same unsigned webhook; 1 or null. */
  shared: z.nullable(z.number()),
  timelineLine: json(TimelineLine),
  notification: json(Notification),
});
export type Entry = z.infer<typeof Entry>;

/** By what a delivery is called: its `webhook-id`, or where PagerDuty's body is relayed that body's own. */
export const deliveryIdOf = ({ notification, webhookId }: Entry): string =>
  notification?.messageId ?? webhookId ?? "";

/** The columns of an `Entry`. */
export const COLUMNS = `seq, kind, webhook_id AS webhookId, event_id AS eventId, incident_id AS incidentId, type,
  occurred_at AS occurredAt, received_at_ms AS receivedAtMs, verification, outcome, reason, delivery, attempts,
  next_attempt_at_ms AS nextAttemptAtMs, planned_at_ms AS plannedAtMs, delivered_at_ms AS deliveredAtMs, last_error AS lastError,
  request_id AS requestId, signature, shared, timeline_line AS timelineLine, notification`;

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
  signature?: string | null;
  shared?: boolean;
  timelineLine?: TimelineLine | null;
  notification?: Notification | null;
  payload?: Uint8Array | null;
}

/**
 * Writes an entry; one that is delivered becomes its incident's next, or waits behind the others.
 * @param dueAtMs when its first attempt is due; null where nothing is delivered
 * @returns its place in the journal
 */
export function appendEntry(sql: SqlStorage, entry: NewEntry, dueAtMs: number | null): number {
  const delivery =
    dueAtMs !== null ? (hasOutstanding(sql, entry.incidentId ?? null) ? "queued" : "pending") : null;
  const [row] = sql.exec(
    `INSERT INTO journal (kind, webhook_id, event_id, incident_id, type, occurred_at, received_at_ms,
       verification, outcome, reason, delivery, next_attempt_at_ms, request_id, signature, shared, timeline_line, notification,
       payload)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`,
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
    delivery === "pending" ? dueAtMs : null,
    entry.requestId ?? null,
    entry.signature ?? null,
    entry.shared ? 1 : null,
    entry.timelineLine ? JSON.stringify(entry.timelineLine) : null,
    entry.notification ? JSON.stringify(entry.notification) : null,
    entry.payload ?? null,
  );
  return z.object({ seq: z.number() }).parse(row).seq;
}

function hasOutstanding(sql: SqlStorage, incidentId: string | null): boolean {
  const rows = sql.exec(
    "SELECT 1 FROM journal WHERE incident_id = ? AND delivery IN ('pending', 'queued') LIMIT 1",
    incidentId,
  );
  return [...rows].length > 0;
}

/** The entry of a webhook, by `X-Webhook-Id`. */
export function entryOfWebhook(sql: SqlStorage, webhookId: string): Entry | null {
  const [row] = sql.exec(`SELECT ${COLUMNS} FROM journal WHERE webhook_id = ?`, webhookId);
  return row ? Entry.parse(row) : null;
}

/** The first entry of an event, by `event.id`, of the same incident or of none. */
export function entryOfEvent(sql: SqlStorage, incidentId: string | null, eventId: string): Entry | null {
  const [row] = sql.exec(
    `SELECT ${COLUMNS} FROM journal WHERE incident_id IS ? AND event_id = ? ORDER BY seq LIMIT 1`,
    incidentId,
    eventId,
  );
  return row ? Entry.parse(row) : null;
}

/** Every id of a message looks like this; anything else is a webhook's that is relayed. */
const MESSAGE_ID = /^msg_[0-9a-f-]{36}$/;

/**
 * The entry whose delivery has this id. A message's is looked for from the newest: an index would cost a row with
 * every event, and this is asked for by a person, of what is still on the screen.
 */
export function entryOfDelivery(sql: SqlStorage, id: string): Entry | null {
  if (!MESSAGE_ID.test(id)) {
    const relayed = entryOfWebhook(sql, id);
    return relayed?.delivery && deliveryIdOf(relayed) === id ? relayed : null;
  }
  const [row] = sql.exec(
    `SELECT ${COLUMNS} FROM journal
     WHERE delivery IS NOT NULL AND json_extract(notification, '$.messageId') = ? ORDER BY seq DESC LIMIT 1`,
    id,
  );
  return row ? Entry.parse(row) : null;
}

/** How often an event came. */
export function countOfEvent(sql: SqlStorage, incidentId: string | null, eventId: string): number {
  const [row] = sql.exec(
    "SELECT count(*) AS n FROM journal WHERE incident_id IS ? AND event_id = ?",
    incidentId,
    eventId,
  );
  return z.object({ n: z.number() }).parse(row).n;
}

/** The bytes that came, exactly. */
export function payloadOf(sql: SqlStorage, seq: number): Uint8Array<ArrayBuffer> | null {
  const [row] = sql.exec("SELECT payload FROM journal WHERE seq = ?", seq);
  const payload = row?.["payload"];
  return payload instanceof ArrayBuffer ? new Uint8Array(payload) : null;
}

/** Makes room for the same webhook's next entry, so that the next is not in this one's place. */
export function freeEntry(sql: SqlStorage, seq: number): void {
  sql.exec("UPDATE journal SET webhook_id = NULL, event_id = NULL, incident_id = NULL WHERE seq = ?", seq);
}

export function removeEntry(sql: SqlStorage, seq: number): void {
  sql.exec("DELETE FROM journal WHERE seq = ?", seq);
}

/** Those of `webhookIds` that could not be processed, oldest first. @param webhookIds null for all */
export function failedEntries(sql: SqlStorage, webhookIds: readonly string[] | null): Entry[] {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM journal WHERE outcome = 'failed'
     AND (? IS NULL OR webhook_id IN (SELECT value FROM json_each(?))) ORDER BY seq`,
    webhookIds === null ? null : 1,
    JSON.stringify(webhookIds ?? []),
  );
  return [...rows].map((row) => Entry.parse(row));
}

/** The ids of all webhooks that could not be processed, oldest first. */
export function failedWebhookIds(sql: SqlStorage): string[] {
  const rows = sql.exec(
    "SELECT webhook_id AS id FROM journal WHERE outcome = 'failed' AND webhook_id IS NOT NULL ORDER BY seq",
  );
  return [...rows].map((row) => z.object({ id: z.string() }).parse(row).id);
}

export function countFailed(sql: SqlStorage): number {
  const [row] = sql.exec("SELECT count(*) AS n FROM journal WHERE outcome = 'failed'");
  return z.object({ n: z.number() }).parse(row).n;
}

/** Removes finished entries that arrived before `beforeMs`. @returns how many; call again until none */
export function pruneEntries(sql: SqlStorage, beforeMs: number, limit: number): number {
  return sql.exec(
    `DELETE FROM journal WHERE seq IN (
       SELECT seq FROM (SELECT seq, received_at_ms, delivery FROM journal ORDER BY seq LIMIT ?)
       WHERE received_at_ms < ? AND (delivery IS NULL OR delivery IN ('delivered', 'dead')))`,
    limit,
    beforeMs,
  ).rowsWritten;
}

/** Whether `kind` belongs into the lifecycle of an incident, which only real changes of status make. */
export function isLifecycle(kind: ChangeKind): boolean {
  return kind === "created" || kind === "status_changed" || kind === "resolved" || kind === "reopened";
}
