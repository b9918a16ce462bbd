import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { consolidate } from "../prompt/consolidation.ts";
import { throughJsonb } from "../prompt/jsonb.ts";
import { buildRcaPrompt } from "../prompt/rca-prompt.ts";
import type { DropReason, EventRow, IncidentRow } from "../tables.ts";
import type { TaskContext } from "./context.ts";
import { get, isTrue, PythonError } from "./python.ts";
import { fetchRunbook } from "./runbook.ts";

/**
 * A triggered event starts a summary and an analysis. The analysis is Aurora's `trigger_delayed_rca`, in
 * server/routes/pagerduty/tasks.py.
 */

const RETRIES = { maxRetries: 2, retryDelayMs: 10_000 };

/** Starts the summary of a triggered event immediately, and its analysis after the delay. */
export function scheduleAnalysis(context: TaskContext, incident: IncidentRow, event: EventRow): void {
  const { tables, workers, settings } = context;
  const { userId, number } = incident;
  const incidentId = event.incidentId ?? "";
  workers.add({
    ...RETRIES,
    run: async () => {
      tables.summaries.push({ userId, incidentId, number });
      await useModel(context);
    },
    lost: () => {},
  });
  const drop = (reason: DropReason, detail: string) =>
    tables.drops.push({ userId, eventType: "analysis", incidentId, reason, detail });
  workers.addLater(
    {
      ...RETRIES,
      run: async () => {
        const refusal = refuseAnalysis(context, incident);
        if (refusal !== null) drop(refusal, `no analysis of incident ${number}`);
        else await startAnalysis(context, incident, event);
      },
      lost: (error) => drop("failed", String(error)),
    },
    settings.analysisDelayMs,
  );
}

function refuseAnalysis(
  { directory, analyses, settings }: TaskContext,
  incident: IncidentRow,
): DropReason | null {
  if (directory.organisationOf(incident.userId) === null) return "no_organisation";
  if (incident.analysisSessionId !== null) return "analyzed_already";
  return analyses.allows(incident.userId, settings.nowMs()) ? null : "analysis_limit";
}

async function startAnalysis(context: TaskContext, incident: IncidentRow, event: EventRow): Promise<void> {
  const { tables, workers } = context;
  const { userId, number } = incident;
  const incidentId = event.incidentId ?? "";
  const prompt = promptOf(context, incident, event);
  const fields = get(incident.metadata, "customFields", {});
  const runbookUrl = get(fields, "runbook_link");
  const runbook = isTrue(runbookUrl) ? await fetchRunbook(runbookUrl) : null;
  const text =
    runbook === null ? prompt : `=== RUNBOOK ===\n${runbook}\n\n=== INCIDENT DETAILS ===\n${prompt}`;
  const taskId = randomUUID();
  tables.prompts.push({ userId, incidentId, number, text });
  incident.analysisTaskId = taskId;
  workers.add({ ...RETRIES, run: () => analyze(context, incident, taskId), lost: () => {} });
}

/** If Aurora's prompt builder fails, the prompt is only the incident's number and title. */
function promptOf({ tables, settings }: TaskContext, incident: IncidentRow, event: EventRow): string {
  const stored = tables.events
    .filter((row) => row.userId === incident.userId && row.incidentId === event.incidentId)
    .map(({ eventType, payload }) => ({ eventType, payload: throughJsonb(payload) }));
  const payload = consolidate(stored);
  if (!(payload instanceof Map))
    throw new PythonError("AttributeError", "the stored event's data is no dict");
  const prompt = buildRcaPrompt({ title: event.title, payload, providers: settings.providers });
  return prompt ?? `PagerDuty incident #${incident.number}: ${event.title ?? "None"}`;
}

/** Stands for Aurora's `run_background_chat`. Sets `analyzed` even if the incident was resolved in the meantime. */
async function analyze(context: TaskContext, incident: IncidentRow, taskId: string): Promise<void> {
  if (incident.analysisTaskId === taskId) incident.analysisSessionId = randomUUID();
  incident.updatedAtMs = context.settings.nowMs();
  await useModel(context);
  incident.status = "analyzed";
  incident.updatedAtMs = context.settings.nowMs();
}

async function useModel({ settings }: TaskContext): Promise<void> {
  if (settings.modelLatencyMs > 0) await wait(settings.modelLatencyMs);
}
