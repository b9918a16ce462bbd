import * as z from "zod/mini";
import type { TenantContext } from "../connection/tenant-context.ts";
import { log } from "../log.ts";
import { pruneUnconfirmed } from "../storage/hints.ts";
import { pruneIncidents } from "../storage/incidents.ts";
import { pruneEntries } from "../storage/journal.ts";
import { readStored } from "../storage/stored-value.ts";

/** Removes what is older than RETENTION_DAYS, once a day. */

const PRUNED_KEY = "prunedAtMs";
const PRUNE_EVERY_MS = 24 * 3600 * 1000;
/** Rows looked at in one statement. */
const PRUNE_BATCH = 500;
/** Longer than a read-back is tried for, shorter than PagerDuty's own events are kept. */
const KEEP_UNCONFIRMED_MS = 3 * 24 * 3600 * 1000;

/** A day after the last time, or after connecting. */
export function nextPruneAtMs({ storage, store }: TenantContext): number | null {
  if (!store.connection) return null;
  const connectedAtMs = Date.parse(store.connection.validatedAt) || 0;
  return (readStored(storage, PRUNED_KEY, z.number()) ?? connectedAtMs) + PRUNE_EVERY_MS;
}

export function prune({ storage, sql, config, store }: TenantContext): void {
  const nowMs = Date.now();
  const beforeMs = nowMs - config.retentionMs;
  const unconfirmedBeforeMs = Math.max(beforeMs, nowMs - KEEP_UNCONFIRMED_MS);
  const entries =
    untilNone(() => pruneEntries(sql, beforeMs, PRUNE_BATCH)) +
    untilNone(() => pruneUnconfirmed(sql, unconfirmedBeforeMs, PRUNE_BATCH));
  const incidents = pruneIncidents(sql, beforeMs);
  storage.kv.put(PRUNED_KEY, nowMs);
  log.info("storage.pruned", { tenantId: store.tenantId, entries, incidents });
}

/** Repeats a batch until nothing is left to remove. @returns how many rows in all */
function untilNone(pruneBatch: () => number): number {
  let all = 0;
  for (let pruned = pruneBatch(); pruned > 0; pruned = pruneBatch()) all += pruned;
  return all;
}
