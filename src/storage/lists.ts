import * as z from "zod/mini";
import { COLUMNS, type DeliveryState, Entry, type EntryKind, TimelineLine } from "./journal.ts";

/** Reading the journal for lists: pages, newest first, and what is shown with one incident. */

/** What a list of arrivals shows of an entry: nothing that is long. */
export const Arrival = z.pick(Entry, {
  seq: true,
  webhookId: true,
  eventId: true,
  incidentId: true,
  type: true,
  occurredAt: true,
  receivedAtMs: true,
  verification: true,
  outcome: true,
  reason: true,
});
export type Arrival = z.infer<typeof Arrival>;

const ARRIVAL_COLUMNS = `seq, webhook_id AS webhookId, event_id AS eventId, incident_id AS incidentId, type,
  occurred_at AS occurredAt, received_at_ms AS receivedAtMs, verification, outcome, reason`;

/** A line of the timeline, with when it was. */
const DatedLine = z.extend(TimelineLine, {
  occurredAt: z.nullable(z.string()),
  receivedAtMs: z.number(),
});
/** A list of changed fields can be as long as the fields' names are. */
const MAX_LINE_CHARS = 2000;

/** The newest lines of an incident's timeline, oldest first. */
export function timelineOf(sql: SqlStorage, incidentId: string, limit: number): z.infer<typeof DatedLine>[] {
  const rows = sql.exec(
    `SELECT occurred_at AS occurredAt, received_at_ms AS receivedAtMs, timeline_line ->> 'kind' AS kind,
       timeline_line ->> 'from' AS "from", timeline_line ->> 'to' AS "to", substr(timeline_line ->> 'text', 1, ${MAX_LINE_CHARS}) AS text
     FROM journal WHERE incident_id = ? AND timeline_line IS NOT NULL ORDER BY seq DESC LIMIT ?`,
    incidentId,
    limit,
  );
  return [...rows].map((row) => DatedLine.parse(row)).reverse();
}

/** The newest arrivals of an incident, oldest first. */
export function arrivalsOfIncident(sql: SqlStorage, incidentId: string, limit: number): Arrival[] {
  const rows = sql.exec(
    `SELECT ${ARRIVAL_COLUMNS} FROM journal WHERE incident_id = ? AND kind IN ('webhook', 'recovery')
     ORDER BY seq DESC LIMIT ?`,
    incidentId,
    limit,
  );
  return [...rows].map((row) => Arrival.parse(row)).reverse();
}

interface EntryFilter {
  kinds: readonly EntryKind[];
  states: readonly DeliveryState[];
  limit: number;
  beforeSeq: number | null;
}

/** Newest first, behind `beforeSeq`, one more than `limit` at the most. */
function rowsOf(sql: SqlStorage, columns: string, { kinds, states, limit, beforeSeq }: EntryFilter) {
  // Written out, not bound: SQLite takes a partial index only for terms that it can read.
  const among = (column: string, values: readonly string[]) =>
    values.length === 0 ? "" : `AND ${column} IN (${values.map((value) => `'${value}'`).join(", ")})`;
  return sql.exec(
    `SELECT ${columns} FROM journal WHERE seq < ? ${among("kind", kinds)} ${among("delivery", states)}
     ORDER BY seq DESC LIMIT ?`,
    beforeSeq ?? Number.MAX_SAFE_INTEGER,
    limit + 1,
  );
}

/** Entries newest first, behind `beforeSeq`, one more than `limit` at the most. */
export function listEntries(sql: SqlStorage, filter: EntryFilter): Entry[] {
  return [...rowsOf(sql, COLUMNS, filter)].map((row) => Entry.parse(row));
}

/** The same, without what is long. */
export function listArrivals(sql: SqlStorage, filter: EntryFilter): Arrival[] {
  return [...rowsOf(sql, ARRIVAL_COLUMNS, filter)].map((row) => Arrival.parse(row));
}
