import * as z from "zod/mini";
import { saveRecipient } from "../storage/incidents.ts";
import { entryOfDelivery, hasOutstanding, LANE } from "../storage/journal.ts";
import { promoteNext } from "./outbox.ts";

/** Sends deliveries because a person asks for it: dead ones again, waiting ones before their planned time. */

const Dead = z.object({ seq: z.number(), incidentId: z.string(), lastStatus: z.nullable(z.number()) });
type Dead = z.infer<typeof Dead>;
const DEAD = `SELECT seq, incident_id AS incidentId, last_status AS lastStatus FROM journal
  WHERE delivery = 'dead'`;

function deadSince(sql: SqlStorage, sinceMs: number): Dead[] {
  return [...sql.exec(`${DEAD} AND received_at_ms >= ? ORDER BY seq`, sinceMs)].map((row) => Dead.parse(row));
}

function deadAmong(sql: SqlStorage, seqs: readonly number[]): Dead[] {
  const rows = seqs.flatMap((seq) => [...sql.exec(`${DEAD} AND seq = ?`, seq)]);
  return rows.map((row) => Dead.parse(row));
}

/** The status with which Aurora's receiver refuses a user who has left the organisation. */
const USER_LEFT = 409;

/** Which deliveries a person wants to be tried again. */
export interface Redelivery {
  /** Null: all dead deliveries that were created since `sinceMs`. */
  ids: readonly string[] | null;
  sinceMs: number;
}

interface Redeliverer {
  storage: DurableObjectStorage;
  sql: SqlStorage;
  /** The user to name in deliveries that were refused because their own user has left the organisation. */
  connectedUser: () => string | null;
}

/** Retries dead deliveries, and makes waiting ones due now. @returns how many deliveries this changed */
export function redeliver(
  { storage, sql, connectedUser }: Redeliverer,
  { ids, sinceMs }: Redelivery,
  nowMs: number,
): number {
  return storage.transactionSync(() => {
    if (ids === null) return reviveDead(sql, deadSince(sql, sinceMs), connectedUser(), nowMs);
    const seqs = [...new Set(ids.flatMap((id) => entryOfDelivery(sql, id)?.seq ?? []))];
    return attemptNow(sql, seqs, nowMs) + reviveDead(sql, deadAmong(sql, seqs), connectedUser(), nowMs);
  });
}

/** Makes waiting deliveries due now. If this early attempt fails, it uses up no attempt of the schedule. */
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

/**
 * Queues dead deliveries again, with the same id and a new schedule.
 * @param connectedUser the user to name instead of a user who left the organisation
 * @returns how many
 */
function reviveDead(
  sql: SqlStorage,
  dead: readonly Dead[],
  connectedUser: string | null,
  dueAtMs: number,
): number {
  for (const [incidentId, deliveries] of Map.groupBy(dead, (one) => one.incidentId)) {
    const isOutstanding = hasOutstanding(sql, incidentId);
    for (const { seq } of deliveries) {
      sql.exec(
        `UPDATE journal SET delivery = 'queued', lane = ${LANE.again}, attempts = 0, planned_at_ms = NULL,
           not_before_ms = NULL WHERE seq = ?`,
        seq,
      );
    }
    if (deliveries.some(({ lastStatus }) => lastStatus === USER_LEFT)) {
      saveRecipient(sql, incidentId, connectedUser);
    }
    sql.exec("UPDATE incidents SET revived = 1 WHERE incident_id = ?", incidentId);
    if (!isOutstanding) promoteNext(sql, incidentId, 0, dueAtMs);
  }
  return dead.length;
}
