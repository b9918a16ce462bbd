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

/**
 * Lists events and deliveries for the API, newest first, in pages. Also counts them for each choice of a filter, such
 * as the state `dead`.
 */

/** A page starts with the newest entry below `beforeSeq`, or with the newest entry of all if `beforeSeq` is null. */
interface EntryPage extends TimeRange {
  limit: number;
  beforeSeq: number | null;
}

/** A member that is null accepts every event. */
export interface EventFilter extends EntryPage {
  type: string | null;
  outcome: Outcome | null;
  /** Search words. Each word has to occur in the webhook's id, or in its incident's title, number or service. */
  q: string | null;
}

/** The state of a delivery as the API shows it: `pending` includes queued deliveries. */
const ShownState = z.enum(["pending", "delivered", "dead"]);
export type ShownState = z.infer<typeof ShownState>;

/** A member that is null accepts every delivery. */
export interface DeliveryFilter extends EntryPage {
  state: ShownState | null;
  error: ErrorClass | null;
}

const NEWEST_PAGE = { sinceMs: null, untilMs: null, beforeSeq: null } as const;
export const ALL_EVENTS = { ...NEWEST_PAGE, type: null, outcome: null, q: null } as const;
export const ALL_DELIVERIES = { ...NEWEST_PAGE, state: null, error: null } as const;

/** How many entries one page examines at most. */
export const MAX_EXAMINED = 5_000;
/** How many of the newest entries one count examines at most. An open console counts every few seconds. */
const MAX_COUNTED = 2_000;
/** After the newest entries, one count also reads older entries: at most this many from each index. */
const MAX_INDEXED = 1_000;

/**
 * The columns that filters use. Reading `error` is slow, because SQLite stores this column after the long payload. The
 * query does not read the column for delivered entries, because they have no error.
 */
const Candidate = z.lazy(() =>
  z.object({
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
  }),
);
type Candidate = z.infer<typeof Candidate>;

const CANDIDATE = `seq, kind, type, outcome, delivery, received_at_ms AS receivedAtMs, webhook_id AS webhookId,
  ${UNDECIDED} AS isUndecided,
  CASE WHEN delivery <> 'delivered' THEN error_class END AS error`;
const SEARCHED = `${CANDIDATE}, number, title, service_name AS serviceName`;
const PLAIN = `${CANDIDATE}, NULL AS number, NULL AS title, NULL AS serviceName`;

/** How far the edge's clock may be ahead of the object's clock. The edge sets `received_at_ms`. */
const MAX_CLOCK_SKEW_MS = 60_000;

/**
 * Returns the number of the first entry that was stored at `atMs` or later. The binary search finds entries by their
 * number, so no index on the time is needed.
 */
function firstStoredAt(sql: SqlStorage, atMs: number): number {
  let low = 1;
  let high = newestSeq(sql) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    // Entries that earlier versions stored have no `stored_at_ms`.
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

/** The rows that a query reads: the whole journal, or only the rows of a partial index. */
interface Source {
  /** An SQL condition that an index covers; `1` for all entries. */
  where: string;
  values: readonly string[];
}

const NEWEST: Source = { where: "1", values: [] };
const FAILED_EVENTS: Source = { where: "outcome = 'failed'", values: [] };
const DEAD: Source = { where: "delivery = 'dead'", values: [] };
const errorsOf = (error: ErrorClass): Source => ({ where: "error_class = ?", values: [error] });
const webhookOf = (webhookId: string): Source => ({ where: "webhook_id = ?", values: [webhookId] });

/** Yields the entries of a source, newest first. Leaves out entries that were stored before the time range begins. */
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

/** A list of entries. `holds` says whether an entry belongs to the list. */
interface List extends TimeRange {
  q: string | null;
  holds: (row: Candidate) => boolean;
  filters: Readonly<Record<string, Filter<Candidate>>>;
  source: Source;
}

/** The kinds of entries in the list of events. A `readback` appears as the outcome of the webhook that caused it. */
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

/** A page of entries. The next page starts below the number `next`, which is null on the last page. */
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
 * Counts the newest entries, and those older entries that are in `indexes`.
 * @param indexes partial indexes; no entry is in two of them
 * @param isIndexed whether all entries older than `belowSeq` with this choice of the filter `name` are in `indexes`
 */
function countsOf(
  sql: SqlStorage,
  list: List,
  indexes: readonly Source[],
  isIndexed: (name: string, choice: string, belowSeq: number) => boolean,
): Counts {
  const rows = [...candidates(sql, NEWEST, { ...list, beforeSeq: null }, MAX_COUNTED + 1)];
  // If one row more than `MAX_COUNTED` was read, that row is removed here, and belongs to the older entries.
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

/** Counts deliveries. The indexes contain every dead delivery, and every pending delivery whose last attempt failed. */
export const countDeliveries = (sql: SqlStorage, filter: DeliveryFilter): Counts =>
  countsOf(sql, deliveryList(filter), ErrorClass.options.map(errorsOf), (name, choice, belowSeq) =>
    choice === "pending" ? !isPendingBelow(sql, belowSeq) : name === "error" || choice === "dead",
  );

/**
 * Whether a delivery below `seq` is pending. Queued deliveries are not searched, because each of them waits for a
 * pending delivery.
 */
const isPendingBelow = (sql: SqlStorage, seq: number): boolean =>
  [...sql.exec("SELECT 1 FROM journal WHERE delivery = 'pending' AND seq < ? LIMIT 1", seq)].length > 0;
