import type { Config } from "../config.ts";
import { dueHint, nextHintAtMs } from "../incidents/hints.ts";
import { dueDeliveries, nextDeliveryAtMs } from "../incidents/outbox.ts";
import { analysesDue, nextAnalysisAtMs } from "../incidents/store.ts";
import type { Account } from "./account.ts";
import { requestAnalysis } from "./analyses.ts";
import type { Calls } from "./calls.ts";
import { deliver } from "./deliveries.ts";
import type { Guardian } from "./guardian.ts";
import type { Logins } from "./logins.ts";
import type { Agenda, Job } from "./loop.ts";
import { Outage } from "./outage.ts";
import { readBack } from "./readbacks.ts";
import type { Tokens } from "./tokens.ts";
import type { Upkeep } from "./upkeep.ts";

/** At once to Aurora; a runtime allows six open connections, and PagerDuty and runbooks need theirs. */
const MAX_DELIVERIES = 4;
/** At once; a runbook may take 10 s, and an incident's analysis must not wait for all the others'. */
const MAX_ANALYSES = 2;

export interface AgendaParts {
  storage: DurableObjectStorage;
  sql: SqlStorage;
  config: Config;
  account: Account;
  calls: Calls;
}

/** Everything that one user's object does by itself, and when. */
export class UserAgenda implements Agenda {
  readonly #parts: AgendaParts;
  readonly #guardian: Guardian;
  readonly #upkeep: Upkeep;
  readonly #tokens: Tokens;
  readonly #logins: Logins;
  readonly #outage = new Outage();

  constructor(parts: AgendaParts, guardian: Guardian, upkeep: Upkeep, tokens: Tokens, logins: Logins) {
    this.#parts = parts;
    this.#guardian = guardian;
    this.#upkeep = upkeep;
    this.#tokens = tokens;
    this.#logins = logins;
  }

  due(nowMs: number, busy: ReadonlySet<string>): Job[] {
    const jobs = this.#upkeep.due(nowMs);
    const { nextAtMs: loginAtMs } = this.#logins;
    if (loginAtMs !== null && loginAtMs <= nowMs) {
      jobs.push({ key: "logins", run: async () => this.#logins.forgetExpired(Date.now()) });
    }
    if (this.#parts.account.connection) jobs.push(...this.#dueForConnection(nowMs));
    return jobs.filter(({ key }) => !busy.has(key));
  }

  #dueForConnection(nowMs: number): Job[] {
    const parts = this.#parts;
    const jobs: Job[] = [];
    for (const entry of dueDeliveries(parts.sql, nowMs, MAX_DELIVERIES)) {
      jobs.push({
        key: `delivery:${entry.incidentId ?? entry.seq}`,
        run: () => deliver({ ...parts, outage: this.#outage }, entry),
      });
    }
    for (const { incidentId } of analysesDue(parts.sql, nowMs, MAX_ANALYSES)) {
      jobs.push({ key: `analysis:${incidentId}`, run: () => requestAnalysis(parts, incidentId) });
    }
    const hint = dueHint(parts.sql, nowMs);
    if (hint) jobs.push({ key: "hint", run: () => readBack(parts, hint) });
    const refreshAtMs = this.#tokens.nextAtMs;
    if (refreshAtMs !== null && refreshAtMs <= nowMs) {
      jobs.push({ key: "tokens", run: () => this.#tokens.refreshIfDue() });
    }
    const checkAtMs = this.#guardian.nextAtMs;
    if (checkAtMs !== null && checkAtMs <= nowMs) {
      jobs.push({ key: "guardian", run: async () => void (await this.#guardian.check()) });
    }
    return jobs;
  }

  nextAtMs(afterMs: number): number | null {
    const { account, sql } = this.#parts;
    const times = [this.#upkeep.nextAtMs(), this.#logins.nextAtMs, this.#tokens.nextAtMs];
    if (account.connection) {
      times.push(
        nextDeliveryAtMs(sql, afterMs),
        nextAnalysisAtMs(sql, afterMs),
        nextHintAtMs(sql, afterMs),
        this.#guardian.nextAtMs,
      );
    }
    const known = times.filter((time) => time !== null).filter((time) => time > afterMs);
    return known.length === 0 ? null : Math.min(...known);
  }
}
