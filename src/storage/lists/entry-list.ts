import * as z from "zod/mini";
import { ErrorClass, Outcome } from "../../incidents/incident.ts";
import { matchesText } from "../../incidents/search.ts";
import {
  COLUMNS,
  DeliveryState,
  type Entry,
  EntryKind,
  newestSeq,
  readableEntry,
  UNDECIDED,
} from "../journal.ts";
import { ARRIVAL_COLUMNS, Arrival } from "../lists.ts";
import { type Counts, countChoices, type Filter, isWithin, oneOf, type TimeRange, takePage } from "./page.ts";

/** Finds entries of the journal for the API: pages of events and of deliveries, newest first, and counts. */

/** A page starts below `beforeSeq`; null: at the newest entry. */
interface EntryPage extends TimeRange {
  limit: number;
  beforeSeq: number | null;
}

/** Null: any. */
export interface EventFilter extends EntryPage {
  type: string | null;
  outcome: Outcome | null;
  /** Words, each of which is searched for in the webhook's id, and in the title, the number and the service of its incident. */
  q: string | null;
}

/** As the API shows them: `pending` includes the queued ones. */
const ShownState = z.enum(["pending", "delivered", "dead"]);
export type ShownState = z.infer<typeof ShownState>;

/** Null: any. */
export interface DeliveryFilter extends EntryPage {
  state: ShownState | null;
  error: ErrorClass | null;
}

const NEWEST_PAGE = { sinceMs: null, untilMs: null, beforeSeq: null } as const;
/** These filter nothing. */
export const ALL_EVENTS = { ...NEWEST_PAGE, type: null, outcome: null, q: null } as const;
export const ALL_DELIVERIES = { ...NEWEST_PAGE, state: null, error: null } as const;

/** The most entries that one page examines. */
export const MAX_EXAMINED = 5_000;
/** The most entries that one count examines: it follows every few seconds while a console is open. */
const MAX_COUNTED = 2_000;
/** The most older entries of one kind that a count finds by an index. */
const MAX_INDEXED = 1_000;

/** The short columns that filters decide by. A delivered entry has no error; of the others it lies behind the payload. */
const Candidate = z.object({
  seq: z.number(),
  kind: EntryKind,
  type: z.string(),
  outcome: Outcome,
  delivery: z.nullable(DeliveryState),
  error: z.nullable(ErrorClass),
  receivedAtMs: z.number(),
  webhookId: z.nullable(z.string()),
  /** 1 or 0; see `UNDECIDED`. */
  isUndecided: z.number(),
  number: z.nullable(z.number()),
  title: z.nullable(z.string()),
  serviceName: z.nullable(z.string()),
});
type Candidate = z.infer<typeof Candidate>;

const CANDIDATE = `seq, kind, type, outcome, delivery, received_at_ms AS receivedAtMs, webhook_id AS webhookId,
  ${UNDECIDED} AS isUndecided,
  CASE WHEN delivery <> 'delivered' THEN error_class END AS error`;
/** With the incident's number, title and service, which only a search reads. */
const SEARCHED = `${CANDIDATE}, number, title, service_name AS serviceName`;
const PLAIN = `${CANDIDATE}, NULL AS number, NULL AS title, NULL AS serviceName`;

/** The clock of the edge, which says when a webhook was received, may be ahead of the object's. */
const MAX_CLOCK_SKEW_MS = 60_000;

/** The number of the first entry that was stored at `atMs` or later: a binary search, for which the key is enough. */
function firstStoredAt(sql: SqlStorage, atMs: number): number {
  let low = 1;
  let high = newestSeq(sql) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    // Entries of earlier versions have no time of storing.
    const [row] = sql.exec(
      `SELECT seq, coalesce(stored_at_ms, received_at_ms) AS storedAtMs FROM journal
       WHERE seq >= ? ORDER BY seq LIMIT 1`,
      middle,
    );
    const { seq, storedAtMs } = StoredAt.parse(row);
    if (storedAtMs >= atMs) high = middle;
    else low = seq + 1;
  }
  return low;
}

const StoredAt = z.object({ seq: z.number(), storedAtMs: z.number() });

/** Which entries are read: the newest, or those that an index holds. */
interface Source {
  /** The condition of a partial index, or of a key. */
  where: string;
  values: readonly string[];
}

const NEWEST: Source = { where: "1", values: [] };
const FAILED_EVENTS: Source = { where: "outcome = 'failed'", values: [] };
const DEAD: Source = { where: "delivery = 'dead'", values: [] };
const errorsOf = (error: ErrorClass): Source => ({ where: "error_class = ?", values: [error] });
const webhookOf = (webhookId: string): Source => ({ where: "webhook_id = ?", values: [webhookId] });

/** The entries of a source, newest first, without those stored before the time range begins. */
function* candidates(
  sql: SqlStorage,
  { where, values }: Source,
  { beforeSeq, sinceMs, q }: Pick<EventFilter, "beforeSeq" | "sinceMs" | "q">,
  limit: number,
): Generator<Candidate> {
  const from = sinceMs === null ? 0 : firstStoredAt(sql, sinceMs - MAX_CLOCK_SKEW_MS);
  const join = "LEFT JOIN incidents ON incidents.incident_id = journal.incident_id";
  const rows = sql.exec(
    `SELECT ${q ? SEARCHED : PLAIN} FROM journal ${q ? join : ""}
     WHERE ${where} AND seq >= ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
    ...values,
    from,
    beforeSeq ?? Number.MAX_SAFE_INTEGER,
    limit,
  );
  for (const row of rows) yield Candidate.parse(row);
}

/** What a list holds: which entries it is about, and its filters. */
interface List extends TimeRange {
  q: string | null;
  holds: (row: Candidate) => boolean;
  filters: Readonly<Record<string, Filter<Candidate>>>;
  /** Where the entries of a page are. */
  source: Source;
}

/** Without `readback`: a read-back appears as the outcome of the webhook that caused it. */
const ARRIVALS: ReadonlySet<EntryKind> = new Set(["webhook", "recovery", "check"]);

function eventList(sql: SqlStorage, filter: EventFilter): List {
  const { type, outcome, q } = filter;
  const isText = q === null ? () => true : matchesText(q);
  const isKnown = q !== null && [...sql.exec("SELECT 1 FROM journal WHERE webhook_id = ?", q)].length > 0;
  return {
    ...filter,
    holds: ({ kind, receivedAtMs, webhookId, isUndecided, title, number, serviceName }) =>
      ARRIVALS.has(kind) &&
      isUndecided === 0 &&
      isWithin(filter, receivedAtMs) &&
      isText([webhookId, title, serviceName, number === null ? null : String(number)]),
    filters: {
      type: oneOf([], (row) => row.type, type),
      outcome: oneOf(Outcome.options, (row) => row.outcome, outcome),
    },
    source: isKnown ? webhookOf(q) : outcome === "failed" ? FAILED_EVENTS : NEWEST,
  };
}

const shownState = ({ delivery }: Candidate): ShownState | null =>
  delivery === "queued" ? "pending" : delivery;

function deliveryList(filter: DeliveryFilter): List {
  const { state, error } = filter;
  return {
    ...filter,
    q: null,
    holds: ({ delivery, receivedAtMs }) => delivery !== null && isWithin(filter, receivedAtMs),
    filters: {
      state: oneOf(ShownState.options, shownState, state),
      error: oneOf(ErrorClass.options, (row) => row.error, error),
    },
    source: error ? errorsOf(error) : state === "dead" ? DEAD : NEWEST,
  };
}

/** A page. `next`: the next page starts below this number; null at the end. */
interface Page<T> {
  entries: T[];
  next: number | null;
}

function pageOf<T>(
  sql: SqlStorage,
  list: List,
  { limit, beforeSeq }: EntryPage,
  columns: string,
  parse: (row: unknown) => T | null,
): Page<T> {
  const filters = Object.values(list.filters);
  const { found, next } = takePage(
    candidates(sql, list.source, { ...list, beforeSeq }, MAX_EXAMINED + 1),
    (row) => list.holds(row) && filters.every(({ passes }) => passes(row)),
    limit,
    MAX_EXAMINED,
  );
  const entries = found.flatMap(({ seq }) => {
    const [row] = sql.exec(`SELECT ${columns} FROM journal WHERE seq = ?`, seq);
    return parse(row) ?? [];
  });
  return { entries, next: next?.seq ?? null };
}

export const listEvents = (sql: SqlStorage, filter: EventFilter): Page<Arrival> =>
  pageOf(sql, eventList(sql, filter), filter, ARRIVAL_COLUMNS, (row) => Arrival.parse(row));

export const listDeliveries = (sql: SqlStorage, filter: DeliveryFilter): Page<Entry> =>
  pageOf(sql, deliveryList(filter), filter, COLUMNS, readableEntry);

/**
 * Counts the newest entries, and older ones as far as indexes hold them.
 * @param indexes sources that do not overlap
 * @param isIndexed whether `indexes` hold every older entry of the choice
 */
function countsOf(
  sql: SqlStorage,
  list: List,
  indexes: readonly Source[],
  isIndexed: (name: string, choice: string, belowSeq: number) => boolean,
): Counts {
  const rows = [...candidates(sql, NEWEST, { ...list, beforeSeq: null }, MAX_COUNTED + 1)];
  // The entry that is one too many is counted with the older ones.
  const beforeSeq = rows.length > MAX_COUNTED ? (rows.pop()?.seq ?? 0) + 1 : null;
  const older =
    beforeSeq === null
      ? []
      : indexes.map((source) => [...candidates(sql, source, { ...list, beforeSeq }, MAX_INDEXED + 1)]);
  const isCut = older.some((some) => some.length > MAX_INDEXED);
  const hasMore = (name: string, choice: string) =>
    beforeSeq !== null && (isCut || !isIndexed(name, choice, beforeSeq));
  return countChoices([...rows, ...older.flat()].filter(list.holds), list.filters, hasMore);
}

export const countEvents = (sql: SqlStorage, filter: EventFilter): Counts =>
  countsOf(sql, eventList(sql, filter), [FAILED_EVENTS], (_, choice) => choice === "failed");

/** Every dead delivery has an error, and so has every pending one that was tried. */
export const countDeliveries = (sql: SqlStorage, filter: DeliveryFilter): Counts =>
  countsOf(sql, deliveryList(filter), ErrorClass.options.map(errorsOf), (name, choice, belowSeq) =>
    choice === "pending" ? !isPendingBelow(sql, belowSeq) : name === "error" || choice === "dead",
  );

/** Queued deliveries wait behind pending ones. */
const isPendingBelow = (sql: SqlStorage, seq: number): boolean =>
  [...sql.exec("SELECT 1 FROM journal WHERE delivery = 'pending' AND seq < ? LIMIT 1", seq)].length > 0;
