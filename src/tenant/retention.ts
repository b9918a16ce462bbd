import * as z from "zod/mini";
import type { TenantContext } from "../connection/tenant-context.ts";
import { log } from "../log.ts";
import { pruneUnconfirmed } from "../storage/hints.ts";
import { takeBackIncidents } from "../storage/incidents.ts";
import { dropOldestPayloads, pruneEntries, pruneIncidents } from "../storage/pruning.ts";
import { pruneSetAside } from "../storage/set-aside.ts";
import { readStored } from "../storage/stored-value.ts";

/** Once a day, removes rows older than RETENTION_DAYS, and then retries incidents that could not be processed. */

const PRUNED_KEY = "prunedAtMs";
const PRUNE_EVERY_MS = 24 * 3600 * 1000;
/** An object can store 10 GB. Above 9 GB, the oldest payloads are removed, even if RETENTION_DAYS would keep them. */
const MAX_DATABASE_BYTES = 9e9;
/** The maximum number of rows that one statement changes. */
const PRUNE_BATCH = 500;
/** Unconfirmed webhooks are kept for three days, but at most for RETENTION_DAYS. Their checks end after two days. */
const KEEP_UNCONFIRMED_MS = 3 * 24 * 3600 * 1000;

/** Returns when old rows are to be removed: a day after the previous removal, or a day after connecting. */
export function nextPruneAtMs({ storage, store }: TenantContext): number | null {
  if (!store.connection) return null;
  const connectedAtMs = Date.parse(store.connection.validatedAt) || 0;
  return (readStored(storage, PRUNED_KEY, z.number()) ?? connectedAtMs) + PRUNE_EVERY_MS;
}

/** Removes one batch of rows. The next batch follows in a new job, so that other calls are answered in between. */
export function prune({ storage, sql, config, store }: TenantContext): void {
  const nowMs = Date.now();
  const beforeMs = nowMs - config.retentionMs;
  const unconfirmedBeforeMs = Math.max(beforeMs, nowMs - KEEP_UNCONFIRMED_MS);
  const rows =
    pruneEntries(sql, beforeMs, PRUNE_BATCH) +
    pruneUnconfirmed(sql, unconfirmedBeforeMs, PRUNE_BATCH) +
    pruneIncidents(sql, beforeMs, PRUNE_BATCH);
  if (rows > 0) return;
  takeBackIncidents(sql, nowMs);
  pruneSetAside(sql, beforeMs);
  const freed = sql.databaseSize > MAX_DATABASE_BYTES ? dropOldestPayloads(sql, PRUNE_BATCH) : 0;
  if (freed > 0) return;
  storage.kv.put(PRUNED_KEY, nowMs);
  log.info("storage.pruned", { tenantId: store.tenantId, bytes: sql.databaseSize });
}
