import * as z from "zod/mini";
import type { CallAnswer } from "../connection/client.ts";
import { URGENCY } from "../connection/gate.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import { type Context, ContextPart, type MissingReason } from "../incidents/context.ts";
import { boundContext } from "../incidents/context-trim.ts";
import { view } from "../incidents/fold.ts";
import { type Incident, Severity } from "../incidents/incident.ts";
import { withDeadline } from "../limits.ts";
import { log } from "../log.ts";
import type { ApiAnswer, ApiTarget } from "../pagerduty/api.ts";
import {
  listAlerts,
  listChanges,
  listNotes,
  listPastIncidents,
  listRelatedIncidents,
  type WrittenNote,
} from "../pagerduty/context.ts";
import { hasContext, saveContext } from "../storage/contexts.ts";
import { loadIncident } from "../storage/incidents.ts";
import { notesOfOthers } from "../storage/own-notes.ts";
import { readStored } from "../storage/stored-value.ts";
import { CallBudget } from "./call-budget.ts";

/**
 * Reads an incident's context (alerts, changes, similar incidents, notes) from PagerDuty within CONTEXT_WAIT_SECONDS,
 * and stores it. If PagerDuty refuses a part or is too slow, the part is null, and `missing` has the reason.
 */

/** A part that the account's plan lacks is requested again after this time. */
const PLAN_MEMORY_MS = 24 * 3600 * 1000;
const PLAN_KEY = "contextNotInPlan";
const NotInPlan = z.object({ connectionId: z.string(), untilMs: z.partialRecord(ContextPart, z.number()) });

type List<T> = (target: ApiTarget, incidentId: string) => Promise<ApiAnswer<T[]>>;
type Part<T> = { value: T[]; reason: null } | { value: null; reason: MissingReason };

export interface Collection {
  /** The delivery or the analysis starts at this time, even if the context is still missing. */
  untilMs: number;
  /** Whether only alerts are requested, because many incidents need a context at the same time. */
  alertsAlone: boolean;
}

interface Asking {
  signal: AbortSignal;
  alertsAlone: boolean;
}

const LEFT_OUT: Context = {
  alerts: null,
  changes: null,
  pastIncidents: null,
  relatedIncidents: null,
  notes: null,
  missing: ContextPart.options.map((part) => ({ part, reason: "rate_limited" })),
};

const missing = (reason: MissingReason) => ({ value: null, reason });

export class ContextCollector {
  readonly #context: TenantContext;
  readonly #budget = new CallBudget();

  constructor(context: TenantContext) {
    this.#context = context;
  }

  /** Collects and stores the incident's context if none is stored yet. Does not throw if PagerDuty fails. */
  async collect(incidentId: string, { untilMs, alertsAlone }: Collection): Promise<void> {
    const { sql, config, store } = this.#context;
    const connectionId = store.connection?.connectionId;
    const isCurrent = store.whileConnectedAsNow();
    const incident = view(loadIncident(sql, incidentId));
    if (connectionId === undefined || !incident || hasContext(sql, incidentId)) return;
    const startedAtMs = Date.now();
    const waitMs = Math.max(0, Math.min(config.contextWaitMs, untilMs - startedAtMs));
    const asked = await withDeadline(waitMs, (signal) => this.#ask(incident, { signal, alertsAlone }));
    // After a disconnect or a change of accounts, PagerDuty's answers must not be stored.
    if (!isCurrent()) return;
    const context = boundContext({ ...asked, notes: this.#notesOfOthers(incidentId, asked.notes) });
    saveContext(sql, incidentId, context);
    this.#rememberPlan(connectionId, context);
    log.info("context.collected", {
      tenantId: store.tenantId,
      incidentId,
      missing: context.missing.map(({ part, reason }) => `${part}: ${reason}`).join(", "),
      durationMs: Date.now() - startedAtMs,
    });
  }

  /** Stores an empty context if none is stored yet, because there is no time left to collect one. */
  leaveOut(incidentId: string): void {
    saveContext(this.#context.sql, incidentId, LEFT_OUT);
  }

  /** At most two of the five calls run at the same time; the call for alerts starts first. */
  async #ask(
    incident: Incident,
    asking: Asking,
  ): Promise<Omit<Context, "notes"> & { notes: WrittenNote[] | null }> {
    const ask = <T>(part: ContextPart, list: List<T>) => this.#askFor(part, list, incident, asking);
    const [alerts, changes, pastIncidents, relatedIncidents, notes] = await Promise.all([
      ask("alerts", listAlerts),
      ask("changes", listChanges),
      ask("pastIncidents", listPastIncidents),
      ask("relatedIncidents", listRelatedIncidents),
      ask("notes", listNotes),
    ]);
    const parts = { alerts, changes, pastIncidents, relatedIncidents, notes };
    const linked = <T extends { incidentId: string; url: string | null }>({ value }: Part<T>) =>
      value?.map((other) => ({ ...other, url: other.url ?? urlBeside(incident, other.incidentId) })) ?? null;
    return {
      alerts: alerts.value,
      changes: changes.value,
      pastIncidents: linked(pastIncidents),
      relatedIncidents: linked(relatedIncidents),
      notes: notes.value,
      missing: ContextPart.options.flatMap((part) => {
        const { reason } = parts[part];
        return reason === null ? [] : [{ part, reason }];
      }),
    };
  }

  #notesOfOthers(incidentId: string, notes: WrittenNote[] | null): Context["notes"] {
    if (notes === null) return null;
    const others = notesOfOthers(this.#context.sql, incidentId, notes);
    return others.map(({ text, by, createdAt }) => ({ text, by, createdAt }));
  }

  async #askFor<T>(
    part: ContextPart,
    list: List<T>,
    { incidentId, severity }: Incident,
    { signal, alertsAlone }: Asking,
  ): Promise<Part<T>> {
    const { client } = this.#context;
    if (this.#lacksPlanFor(part)) return missing("not_in_plan");
    const isAlerts = part === "alerts";
    if (alertsAlone && !isAlerts) return missing("rate_limited");
    const urgency = (isAlerts ? URGENCY.alerts : URGENCY.otherContext) + Severity.options.indexOf(severity);
    const answer = await client.run(
      async (target): Promise<ApiAnswer<T[] | null>> =>
        this.#budget.take(isAlerts, Date.now())
          ? list(target, incidentId)
          : // The budget is used up, so no call is made. That is not an error of PagerDuty.
            { ok: true, value: null },
      { urgency, signal },
    );
    if (!answer.ok) return missing(reasonOf(answer));
    return answer.value ? { value: answer.value, reason: null } : missing("rate_limited");
  }

  /** Returns the time at which each part that the account's plan lacks may be requested again. */
  #notInPlanUntilMs(): Partial<Record<ContextPart, number>> {
    const { storage, store } = this.#context;
    const known = readStored(storage, PLAN_KEY, NotInPlan);
    return known?.connectionId === store.connection?.connectionId ? (known?.untilMs ?? {}) : {};
  }

  #lacksPlanFor(part: ContextPart): boolean {
    return (this.#notInPlanUntilMs()[part] ?? 0) > Date.now();
  }

  /** Stores the parts that PagerDuty refused because of the account's plan. Writes nothing if no part is new. */
  #rememberPlan(connectionId: string, { missing }: Context): void {
    const refused = missing.filter(
      ({ part, reason }) => reason === "not_in_plan" && !this.#lacksPlanFor(part),
    );
    if (refused.length === 0) return;
    const refusedUntilMs = Object.fromEntries(refused.map(({ part }) => [part, Date.now() + PLAN_MEMORY_MS]));
    const untilMs = { ...this.#notInPlanUntilMs(), ...refusedUntilMs };
    this.#context.storage.kv.put(PLAN_KEY, { connectionId, untilMs });
  }
}

function reasonOf(problem: Extract<CallAnswer<unknown>, { ok: false }>): MissingReason {
  switch (problem.problem) {
    case "unauthorized":
    case "forbidden":
      return "forbidden";
    case "not_found":
    case "not_in_plan":
    case "rate_limited":
      return problem.problem;
    case "unavailable":
      return problem.cause === "timed_out" || problem.cause === "too_large" ? problem.cause : "unavailable";
    case "bad_request":
    case "not_connected":
      return "unavailable";
  }
}

/**
 * Builds the URL of another incident in the same account, because PagerDuty's lists of similar incidents contain no
 * URLs.
 */
function urlBeside({ url, incidentId }: Incident, otherId: string): string | null {
  const end = `/incidents/${incidentId}`;
  return url?.endsWith(end) ? `${url.slice(0, -end.length)}/incidents/${encodeURIComponent(otherId)}` : null;
}
