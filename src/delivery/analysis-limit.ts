import * as z from "zod/mini";
import { readableIncident } from "../storage/incidents.ts";
import { TimelineLineColumn } from "../storage/journal.ts";

/**
 * Aurora analyses at most five incidents of a user in five minutes, and silently drops further analyses. This file
 * counts the incidents that were delivered beyond this limit.
 */

/** Aurora's limit, from `is_background_chat_allowed` in its server/chat/background/task.py. */
const MAX_ANALYSES = 5;
const WINDOW_MS = 5 * 60 * 1000;

/** Deliveries older than this are not counted. */
const SHOWN_MS = 24 * 3600 * 1000;
/** Only this many of the newest journal entries are searched. An index would cost a billed row for each event. */
const MAX_ENTRIES = 1_000;

/** A delivery that makes Aurora start an analysis for the user. */
export interface TriggeredDelivery {
  userId: string;
  atMs: number;
}

export interface BeyondLimit {
  count: number;
  lastAtMs: number;
}

/**
 * Counts like Aurora: a user's first analysis starts a window of five minutes. The first analysis after the window's
 * end starts the next window.
 * @param deliveries the oldest first
 * @returns null if no delivery is beyond the limit
 */
export function beyondLimit(deliveries: readonly TriggeredDelivery[]): BeyondLimit | null {
  const windows = new Map<string, { endsAtMs: number; count: number }>();
  const beyond = deliveries.filter(({ userId, atMs }) => {
    const known = windows.get(userId);
    const window = known && atMs < known.endsAtMs ? known : { endsAtMs: atMs + WINDOW_MS, count: 0 };
    window.count += 1;
    windows.set(userId, window);
    return window.count > MAX_ANALYSES;
  });
  const last = beyond.at(-1);
  return last === undefined ? null : { count: beyond.length, lastAtMs: last.atMs };
}

const Row = z.object({ incidentId: z.string(), atMs: z.number(), line: TimelineLineColumn });

/** @param connectedUser counts as an incident's recipient if the stored recipient is missing or unreadable */
export function deliveredBeyondLimit(
  sql: SqlStorage,
  connectedUser: string,
  nowMs: number,
): BeyondLimit | null {
  const rows = sql.exec(
    `SELECT incident_id AS incidentId, delivered_at_ms AS atMs, timeline_line AS line FROM journal
     WHERE seq > (SELECT max(seq) FROM journal) - ${MAX_ENTRIES} AND delivered_at_ms > ?
       AND timeline_line IS NOT NULL AND incident_id IS NOT NULL
     ORDER BY delivered_at_ms`,
    nowMs - SHOWN_MS,
  );
  const triggered = [...rows]
    .flatMap((row) => Row.safeParse(row).data ?? [])
    .filter(({ line }) => line?.kind === "created" && line.to === "investigating");
  if (triggered.length <= MAX_ANALYSES) return null;
  return beyondLimit(
    triggered.map(({ incidentId, atMs }) => ({
      userId: readableIncident(sql, incidentId)?.recipientUserId ?? connectedUser,
      atMs,
    })),
  );
}
