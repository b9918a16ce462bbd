import * as z from "zod/mini";
import { cutText } from "../incidents/text.ts";
import {
  COLUMNS,
  Entry,
  readableEntry,
  type TimelineLine,
  TimelineLineColumn,
  UNDECIDED,
} from "./journal.ts";

/** Reads the journal for the API: the entries of one incident, and the new entries for consoles that are open. */

/** The columns that lists of events show. Long columns, such as `notification`, are left out. */
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

export const ARRIVAL_COLUMNS = `seq, webhook_id AS webhookId, event_id AS eventId, incident_id AS incidentId, type,
  occurred_at AS occurredAt, received_at_ms AS receivedAtMs, verification, outcome, reason`;

const DatedLine = z.object({
  line: TimelineLineColumn,
  occurredAt: z.nullable(z.string()),
  receivedAtMs: z.number(),
});
type DatedLine = TimelineLine & { occurredAt: string | null; receivedAtMs: number };
/** Longer lines are cut, because a line can name many changed fields. */
const MAX_LINE_CHARS = 2000;

const timeOf = ({ occurredAt, receivedAtMs }: DatedLine) => Date.parse(occurredAt ?? "") || receivedAtMs;

/** Returns the newest lines of an incident's timeline, sorted by time. */
export function timelineOf(sql: SqlStorage, incidentId: string, limit: number): DatedLine[] {
  const rows = sql.exec(
    `SELECT occurred_at AS occurredAt, received_at_ms AS receivedAtMs, timeline_line AS line
     FROM journal WHERE incident_id = ? AND timeline_line IS NOT NULL ORDER BY seq DESC LIMIT ?`,
    incidentId,
    limit,
  );
  const lines = [...rows].reverse().flatMap((row) => {
    const { data } = DatedLine.safeParse(row);
    if (!data?.line) return [];
    const { line, ...times } = data;
    const text = line.text === null ? null : cutText(line.text, MAX_LINE_CHARS);
    return [{ ...line, ...times, text }];
  });
  // The sort is stable: lines with the same time stay in the order of arrival.
  return lines.toSorted((a, b) => timeOf(a) - timeOf(b));
}

/** Returns the last `limit` webhooks and recoveries of an incident, in the order in which they were stored. */
export function arrivalsOfIncident(sql: SqlStorage, incidentId: string, limit: number): Arrival[] {
  const rows = sql.exec(
    `SELECT ${ARRIVAL_COLUMNS} FROM journal WHERE incident_id = ? AND kind IN ('webhook', 'recovery')
     ORDER BY seq DESC LIMIT ?`,
    incidentId,
    limit,
  );
  return [...rows].map((row) => Arrival.parse(row)).reverse();
}

/** Returns the last `limit` deliveries of an incident, in the order in which they were stored. */
export function deliveriesOfIncident(sql: SqlStorage, incidentId: string, limit: number): Entry[] {
  const rows = sql.exec(
    `SELECT ${COLUMNS} FROM journal WHERE incident_id = ? AND delivery IS NOT NULL ORDER BY seq DESC LIMIT ?`,
    incidentId,
    limit,
  );
  return [...rows].flatMap((row) => readableEntry(row) ?? []).reverse();
}

/** Returns the first `limit` entries after `seq`, for open consoles. */
export function entriesAfter(sql: SqlStorage, seq: number, limit: number): Entry[] {
  const rows = sql.exec(`SELECT ${COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?`, seq, limit);
  return [...rows].flatMap((row) => readableEntry(row) ?? []);
}

const Outstanding = z.object({ seq: z.number(), attempts: z.number() });

/** Returns how many attempts each pending delivery has had. The map's keys are entry numbers. */
export function outstandingAttempts(sql: SqlStorage, limit: number): Map<number, number> {
  const rows = sql.exec(
    "SELECT seq, attempts FROM journal WHERE delivery = 'pending' ORDER BY lane, next_attempt_at_ms LIMIT ?",
    limit,
  );
  return new Map([...rows].map((row) => Outstanding.parse(row)).map(({ seq, attempts }) => [seq, attempts]));
}

const Times = z.object({
  lastEventAtMs: z.nullable(z.number()),
  lastPingAtMs: z.nullable(z.number()),
  /** The arrival of the last webhook that has a valid signature or was confirmed by PagerDuty. */
  lastProvedAtMs: z.nullable(z.number()),
});

/** Returns when webhooks last arrived. Searches only the newest 1,000 entries for `lastProvedAtMs`. */
export function webhookTimes(sql: SqlStorage): z.infer<typeof Times> {
  const [row] = sql.exec(
    `SELECT
       (SELECT received_at_ms FROM journal WHERE kind = 'webhook'
        AND NOT ${UNDECIDED} ORDER BY seq DESC LIMIT 1) AS lastEventAtMs,
       (SELECT received_at_ms FROM journal WHERE type = 'pagey.ping' ORDER BY seq DESC LIMIT 1) AS lastPingAtMs,
       (SELECT received_at_ms FROM journal WHERE kind = 'webhook'
        AND (verification = 'signature' OR outcome IN ('applied', 'stale'))
        AND seq > (SELECT max(seq) FROM journal) - 1000 ORDER BY seq DESC LIMIT 1) AS lastProvedAtMs`,
  );
  return Times.parse(row);
}
