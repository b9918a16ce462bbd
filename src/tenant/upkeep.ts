import type { Config } from "../config.ts";
import { type ConnectionStore, REPLICA_RETRY_MS } from "../connection/store.ts";
import { log } from "../log.ts";
import { pruneIncidents } from "../storage/incidents.ts";
import { pruneEntries } from "../storage/journal.ts";
import { pruneUnconfirmed } from "../storage/unconfirmed.ts";
import type { Job } from "./job-runner.ts";

/** What the object does for itself: catching up the copy in KV, and forgetting what is old. */

const PRUNED_KEY = "prunedAtMs";
const PRUNE_EVERY_MS = 24 * 3600 * 1000;
/** Rows looked at in one go; the next go follows at once while there is more. */
const PRUNE_BATCH = 500;
/** Longer than a read-back is tried for, shorter than what is PagerDuty's is kept. */
const KEEP_UNCONFIRMED_MS = 3 * 24 * 3600 * 1000;

export class Upkeep {
  readonly #storage: DurableObjectStorage;
  readonly #store: ConnectionStore;
  readonly #config: Config;
  #replicaTriedAtMs = 0;

  constructor(storage: DurableObjectStorage, store: ConnectionStore, config: Config) {
    this.#storage = storage;
    this.#store = store;
    this.#config = config;
  }

  due(nowMs: number): Job[] {
    const jobs: Job[] = [];
    const replicaAtMs = this.#replicaAtMs();
    if (replicaAtMs !== null && replicaAtMs <= nowMs) {
      jobs.push({ key: "replica", run: () => this.#catchUpReplica() });
    }
    const pruneAtMs = this.#pruneAtMs();
    if (pruneAtMs !== null && pruneAtMs <= nowMs) jobs.push({ key: "prune", run: async () => this.#prune() });
    return jobs;
  }

  nextAtMs(): number | null {
    const times = [this.#replicaAtMs(), this.#pruneAtMs()].filter((time) => time !== null);
    return times.length === 0 ? null : Math.min(...times);
  }

  #replicaAtMs(): number | null {
    return this.#store.replicaBehind ? this.#replicaTriedAtMs + REPLICA_RETRY_MS : null;
  }

  async #catchUpReplica(): Promise<void> {
    this.#replicaTriedAtMs = Date.now();
    await this.#store.catchUpReplica();
  }

  /** A day after the last time; an object that is not connected holds nothing to prune. */
  #pruneAtMs(): number | null {
    if (!this.#store.connection) return null;
    const prunedAtMs = this.#storage.kv.get(PRUNED_KEY);
    return (typeof prunedAtMs === "number" ? prunedAtMs : this.#connectedAtMs()) + PRUNE_EVERY_MS;
  }

  #connectedAtMs(): number {
    return Date.parse(this.#store.connection?.validatedAt ?? "") || 0;
  }

  #prune(): void {
    const nowMs = Date.now();
    const beforeMs = nowMs - this.#config.retentionMs;
    const { sql } = this.#storage;
    const unconfirmedBeforeMs = Math.max(beforeMs, nowMs - KEEP_UNCONFIRMED_MS);
    const entries =
      untilNone(() => pruneEntries(sql, beforeMs, PRUNE_BATCH)) +
      untilNone(() => pruneUnconfirmed(sql, unconfirmedBeforeMs, PRUNE_BATCH));
    const incidents = pruneIncidents(sql, beforeMs);
    this.#storage.kv.put(PRUNED_KEY, nowMs);
    log.info("storage.pruned", { userId: this.#store.connection?.userId, entries, incidents });
  }
}

/** Repeats what removes a batch until there is nothing left. @returns how many in all */
function untilNone(prune: () => number): number {
  let all = 0;
  for (let pruned = prune(); pruned > 0; pruned = prune()) all += pruned;
  return all;
}
