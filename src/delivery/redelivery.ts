import * as z from "zod/mini";
import type { ErrorClass } from "../incidents/incident.ts";
import { columnOf, numberOf } from "../storage/columns.ts";
import { saveRecipient } from "../storage/incidents.ts";
import { entryOfDelivery, hasOutstanding, LANE } from "../storage/journal.ts";
import { promoteNext } from "./outbox.ts";

/**
 * Redelivers at a person's request: queues dead deliveries again, and makes waiting deliveries due now.
 */

const Dead = z.object({ seq: z.number(), incidentId: z.string(), lastStatus: z.nullable(z.number()) });
type Dead = z.infer<typeof Dead>;
const DEAD = `SELECT seq, incident_id AS incidentId, last_status AS lastStatus FROM journal
  WHERE delivery = 'dead'`;

function deadSince(sql: SqlStorage, { sinceMs, error }: Redelivery): Dead[] {
  const rows = sql.exec(
    `${DEAD} AND received_at_ms >= ? AND (? IS NULL OR error_class = ?) ORDER BY seq`,
    sinceMs,
    error,
    error,
  );
  return [...rows].map((row) => Dead.parse(row));
}

function deadAmong(sql: SqlStorage, seqs: readonly number[]): Dead[] {
  const rows = seqs.flatMap((seq) => [...sql.exec(`${DEAD} AND seq = ?`, seq)]);
  return rows.map((row) => Dead.parse(row));
}

/** Aurora's receiver answers 409 if a delivery names a user who has left the organisation. */
const USER_LEFT = 409;

/** Selects the deliveries that a person wants to send again, or earlier. */
export interface Redelivery {
  /** The deliveries' ids. If null, `sinceMs` and `error` select dead deliveries. */
  ids: readonly string[] | null;
  /** Selects the deliveries whose event was received at this time or later. */
  sinceMs: number;
  /** Selects the deliveries whose last attempt failed for this reason; null selects every reason. */
  error: ErrorClass | null;
}

interface Redeliverer {
  storage: DurableObjectStorage;
  sql: SqlStorage;
  /**
   * Returns the connected user; null if nobody is connected. After a refusal with `USER_LEFT`, the incident's deliveries
   * name this user.
   */
  connectedUser: () => string | null;
}

/**
 * Queues dead deliveries again. With `ids`, also makes waiting deliveries due now. Without `ids`, the redelivery can be
 * stopped (`stopRedelivery`).
 * @returns how many deliveries were changed
 */
export function redeliver(
  { storage, sql, connectedUser }: Redeliverer,
  which: Redelivery,
  nowMs: number,
): number {
  return storage.transactionSync(() => {
    const user = connectedUser();
    if (which.ids === null) {
      continueAs(sql, nowMs);
      return reviveDead(sql, deadSince(sql, which), { user, dueAtMs: nowMs, redelivery: nowMs });
    }
    const seqs = [...new Set(which.ids.flatMap((id) => entryOfDelivery(sql, id)?.seq ?? []))];
    const revival = { user, dueAtMs: nowMs, redelivery: null };
    return attemptNow(sql, seqs, nowMs) + reviveDead(sql, deadAmong(sql, seqs), revival);
  });
}

/** Makes waiting deliveries due now. The early attempt does not count as an attempt of the schedule. */
function attemptNow(sql: SqlStorage, seqs: readonly number[], nowMs: number): number {
  return seqs.reduce((count, seq) => {
    const { rowsWritten } = sql.exec(
      `UPDATE journal SET planned_at_ms = coalesce(planned_at_ms, next_attempt_at_ms), next_attempt_at_ms = ?
       WHERE seq = ? AND delivery = 'pending' AND next_attempt_at_ms > ?`,
      nowMs,
      seq,
      nowMs,
    );
    return count + Math.min(rowsWritten, 1);
  }, 0);
}

interface Revival {
  user: string | null;
  dueAtMs: number;
  /** When the redelivery began; null for a redelivery by `ids`. */
  redelivery: number | null;
}

/**
 * Queues dead deliveries again. Each delivery keeps its id and restarts its schedule.
 * @returns how many were queued
 */
function reviveDead(sql: SqlStorage, dead: readonly Dead[], { user, dueAtMs, redelivery }: Revival): number {
  for (const [incidentId, deliveries] of Map.groupBy(dead, (one) => one.incidentId)) {
    const isOutstanding = hasOutstanding(sql, incidentId);
    for (const { seq } of deliveries) {
      sql.exec(
        `UPDATE journal SET delivery = 'queued', lane = ${LANE.again}, attempts = 0, planned_at_ms = NULL,
           not_before_ms = NULL, redelivery = ? WHERE seq = ?`,
        redelivery,
        seq,
      );
    }
    if (deliveries.some(({ lastStatus }) => lastStatus === USER_LEFT)) {
      saveRecipient(sql, incidentId, user);
    }
    sql.exec("UPDATE incidents SET revived = 1 WHERE incident_id = ?", incidentId);
    if (!isOutstanding) promoteNext(sql, incidentId, 0, dueAtMs);
  }
  return dead.length;
}

/**
 * Queues the incident's stored `rca_requested` notification, if it was never queued. Format `v3` stores this
 * notification, but does not queue it. A receiver of format `notifications` starts an analysis only after
 * `rca_requested`. So if the format was changed before Aurora accepted the `created` notification, `rca_requested` must
 * be sent, too. Call this before `created` is marked as delivered.
 */
export function queueAnalysisRequest(sql: SqlStorage, incidentId: string | null, dueAtMs: number): void {
  const { rowsWritten } = sql.exec(
    `UPDATE journal SET delivery = 'queued', lane = ${LANE.first}
     WHERE incident_id = ? AND kind = 'analysis' AND delivery IS NULL`,
    incidentId,
  );
  if (incidentId === null || rowsWritten === 0) return;
  sql.exec("UPDATE incidents SET revived = 1 WHERE incident_id = ?", incidentId);
  if (!isPending(sql, incidentId)) promoteNext(sql, incidentId, 0, dueAtMs);
}

/**
 * Returns when the latest redelivery began; null if there was none. Only the latest redelivery has unfinished
 * deliveries.
 */
const latest = (sql: SqlStorage): number | null =>
  numberOf(sql.exec("SELECT max(redelivery) FROM journal WHERE redelivery IS NOT NULL"));

/** Moves the unfinished deliveries of the previous redelivery into this redelivery. */
function continueAs(sql: SqlStorage, redelivery: number): void {
  sql.exec(
    "UPDATE journal SET redelivery = ? WHERE redelivery = ? AND delivery IN ('pending', 'queued')",
    redelivery,
    latest(sql),
  );
}

/** For each state, counting stops at this number of deliveries. */
const MAX_COUNTED = 5_000;

/** The progress of a redelivery, as numbers of deliveries. */
export interface RedeliveryProgress {
  startedAtMs: number | null;
  pending: number;
  delivered: number;
  /** How many are dead again. */
  failed: number;
  /** Whether a count reached `MAX_COUNTED`. */
  more: boolean;
}

/** Returns the progress of the latest redelivery; zeros if there was none. */
export function redeliveryProgress(sql: SqlStorage): RedeliveryProgress {
  const startedAtMs = latest(sql);
  const [pending = 0, queued = 0, delivered = 0, failed = 0] = ["pending", "queued", "delivered", "dead"].map(
    (state) =>
      numberOf(
        sql.exec(
          `SELECT count(*) FROM (SELECT 1 FROM journal WHERE redelivery = ? AND delivery = ? LIMIT ?)`,
          startedAtMs,
          state,
          MAX_COUNTED,
        ),
      ) ?? 0,
  );
  const more = Math.max(pending, queued, delivered, failed) === MAX_COUNTED;
  return { startedAtMs, pending: pending + queued, delivered, failed, more };
}

/**
 * Stops the latest redelivery: its unfinished deliveries are dead again. An attempt that is under way continues. If
 * Aurora accepts that attempt, its delivery counts as delivered.
 * @returns how many deliveries are dead again
 */
export function stopRedelivery(
  { storage, sql }: Pick<Redeliverer, "storage" | "sql">,
  nowMs: number,
): number {
  return storage.transactionSync(() => {
    const rows = sql.exec(
      `UPDATE journal SET delivery = 'dead', redelivery = NULL,
         attempts = (SELECT count(*) FROM attempts WHERE attempts.seq = journal.seq AND early = 0)
       WHERE redelivery = ? AND delivery IN ('pending', 'queued') RETURNING incident_id`,
      latest(sql),
    );
    const stopped = columnOf(rows, z.string());
    for (const incidentId of new Set(stopped)) {
      if (!isPending(sql, incidentId)) promoteNext(sql, incidentId, 0, nowMs);
    }
    return stopped.length;
  });
}

const isPending = (sql: SqlStorage, incidentId: string): boolean =>
  [...sql.exec("SELECT 1 FROM journal WHERE incident_id = ? AND delivery = 'pending' LIMIT 1", incidentId)]
    .length > 0;
