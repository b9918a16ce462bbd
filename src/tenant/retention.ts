import * as z from "zod/mini";
import type { TenantContext } from "../connection/tenant-context.ts";
import { log } from "../log.ts";
import { pruneUnconfirmed } from "../storage/hints.ts";
import { takeBackIncidents } from "../storage/incidents.ts";
import { dropOldestPayloads, pruneEntries, pruneIncidents } from "../storage/pruning.ts";
import { pruneSetAside } from "../storage/set-aside.ts";
import { readStored } from "../storage/stored-value.ts";

/** Removes rows older than RETENTION_DAYS once a day, and then retries the incidents that were set aside. */

const PRUNED_KEY = "prunedAtMs";
const PRUNE_EVERY_MS = 24 * 3600 * 1000;
/** An object holds 10 GB. Above this size the oldest payloads are removed, even if RETENTION_DAYS would keep them. */
const MAX_DATABASE_BYTES = 9e9;
/** The most rows that one statement examines. */
const PRUNE_BATCH = 500;
/** How long unconfirmed webhooks are kept: longer than a read-back is retried, but not as long as genuine events. */
const KEEP_UNCONFIRMED_MS = 3 * 24 * 3600 * 1000;

/** Returns when rows are next removed: a day after the last time, or after connecting; null without a connection. */
export function nextPruneAtMs({ storage, store }: TenantContext): number | null {
  if (!store.connection) return null;
  const connectedAtMs = Date.parse(store.connection.validatedAt) || 0;
  return (readStored(storage, PRUNED_KEY, z.number()) ?? connectedAtMs) + PRUNE_EVERY_MS;
}

/** Removes one batch. The next batch follows in a new job, so that other calls are answered in between. */
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
