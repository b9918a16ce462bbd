import * as z from "zod/mini";
import { saveRecipient } from "../storage/incidents.ts";
import { entryOfDelivery, hasOutstanding, LANE } from "../storage/journal.ts";
import { promoteNext } from "./outbox.ts";

/** Deliveries that a person asks for: dead ones again, waiting ones before their time. */

const Dead = z.object({ seq: z.number(), incidentId: z.string(), lastStatus: z.nullable(z.number()) });
const DEAD = `SELECT seq, incident_id AS incidentId, last_status AS lastStatus FROM journal
  WHERE delivery = 'dead'`;

const seqsOf = (sql: SqlStorage, ids: readonly string[]): number[] => [
  ...new Set(ids.flatMap((id) => entryOfDelivery(sql, id)?.seq ?? [])),
];

function deadDeliveries(
  sql: SqlStorage,
  ids: readonly string[] | null,
  sinceMs: number,
): z.infer<typeof Dead>[] {
  const rows =
    ids === null
      ? [...sql.exec(`${DEAD} AND received_at_ms >= ? ORDER BY seq`, sinceMs)]
      : seqsOf(sql, ids).flatMap((seq) => [...sql.exec(`${DEAD} AND seq = ?`, seq)]);
  return rows.map((row) => Dead.parse(row));
}

/** Aurora's receiver refuses a user who has left the organisation. */
const USER_LEFT = 409;

/** Which deliveries a person wants to be tried again. */
export interface Redelivery {
  /** Null: every dead one that was made since `sinceMs`. */
  ids: readonly string[] | null;
  sinceMs: number;
}

interface Redeliverer {
  storage: DurableObjectStorage;
  sql: SqlStorage;
  /** In whose name deliveries are sent that were refused because their user left. */
  connectedUser: () => string | null;
}

/** Retries dead deliveries, and starts waiting ones now. @returns how many */
export function redeliver(
  { storage, sql, connectedUser }: Redeliverer,
  which: Redelivery,
  nowMs: number,
): number {
  return storage.transactionSync(
    () => attemptNow(sql, which.ids ?? [], nowMs) + reviveDead(sql, which, connectedUser(), nowMs),
  );
}

/** Brings the next attempt of waiting deliveries forward; a failed one uses up no attempt of the schedule. */
function attemptNow(sql: SqlStorage, ids: readonly string[], nowMs: number): number {
  return seqsOf(sql, ids).reduce((count, seq) => {
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
 * @param ids null for all that were made since `sinceMs`
 * @param connectedUser the user to name instead of one who left the organisation
 * @returns how many
 */
export function reviveDead(
  sql: SqlStorage,
  { ids, sinceMs }: Redelivery,
  connectedUser: string | null,
  dueAtMs: number,
): number {
  const dead = deadDeliveries(sql, ids, sinceMs);
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
