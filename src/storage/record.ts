import type { Config } from "../config.ts";
import { analysisAfter } from "../incidents/analysis.ts";
import { type Folded, fold, type Observation, view } from "../incidents/fold.ts";
import type {
  IncidentState,
  Notification,
  NotificationType,
  Outcome,
  Provenance,
} from "../incidents/incident.ts";
import { addHint } from "./hints.ts";
import { loadIncident, saveIncident } from "./incidents.ts";
import { appendEntry, type EntryKind, isLifecycle, type NewEntry, type TimelineEntry } from "./journal.ts";

/**
 * From an observation to the storage: the incident, its journal entry and its notification, written between
 * two awaits, so that they commit as one.
 */

/** What recording needs of a tenant's object. */
export interface RecordContext {
  storage: DurableObjectStorage;
  /** `storage.sql`. */
  sql: SqlStorage;
  config: Config;
}

/** When the first attempt to deliver something is due; null where nothing is delivered. */
export function firstAttemptAtMs(config: Config, nowMs: number): number | null {
  return config.events === null ? null : nowMs + (config.deliverySchedule[0] ?? 0) * 1000;
}

/** What is to be folded, with what is to be written down about it. */
export interface Incoming {
  incidentId: string;
  observation: Observation;
  kind: EntryKind;
  /** PagerDuty's event type, or ours for what was read over REST. */
  type: string;
  notificationType: (folded: Folded) => NotificationType;
  /** ISO 8601. */
  occurredAt: string;
  provenance: Provenance;
  /** Whether root-cause analysis is owed because of this. */
  owesAnalysis: (before: IncidentState, folded: Folded) => "triggered" | "recovered" | null;
  /** Its line on the timeline where it changes no status; null for none. */
  line: TimelineEntry | null;
  /** Written down even when it changes nothing. */
  alwaysRecorded: boolean;
  /** Of the webhook, when one brought it. */
  record: Pick<NewEntry, "receivedAtMs" | "webhookId" | "requestId" | "signature" | "payload">;
}

/** Folds and writes. @returns whether it changed anything */
export function apply(context: RecordContext, incoming: Incoming, nowMs: number): Outcome {
  const { sql, config } = context;
  const { provenance, record } = incoming;
  const before = loadIncident(sql, incoming.incidentId);
  const folded = fold(before, incoming.observation);
  const owes = incoming.owesAnalysis(before, folded);
  const cause = owes ? { kind: owes, provenance } : null;
  const analysis = analysisAfter(folded.state, cause, nowMs, config.runbookWaitMs);
  const state: IncidentState = { ...folded.state, analysis };
  if (folded.changed || analysis !== before.analysis) saveIncident(sql, before, state, nowMs);

  // Fields that came before their incident are kept for it: that is an effect, though none to tell of.
  const kept = folded.changed && state.snapshot === null;
  const outcome: Outcome = folded.change || kept ? "applied" : "stale";
  if (outcome === "stale" && !incoming.alwaysRecorded) return outcome;
  const notification = notificationOf(incoming, { ...folded, state });
  // A relay passes on PagerDuty's own bytes under its own signature, and nothing else; also of fields that came
  // before their incident, which no later body brings again.
  const relays = config.events?.format === "v3";
  const delivers = relays ? outcome === "applied" && record.signature != null : notification !== null;
  const seq = appendEntry(
    sql,
    {
      kind: incoming.kind,
      type: incoming.type,
      outcome,
      eventId: provenance.eventId,
      incidentId: incoming.incidentId,
      occurredAt: incoming.occurredAt,
      verification: provenance.verification,
      entry: lifecycleOf(folded, incoming.line) ?? incoming.line,
      notification,
      ...record,
    },
    delivers ? firstAttemptAtMs(config, nowMs) : null,
  );
  // On its way to Aurora a missing number is read; where nothing is on its way, on its own.
  const told = config.events !== null && !relays;
  if (!told && state.number === null && state.snapshot !== null)
    addHint(sql, incoming.incidentId, seq, nowMs);
  return outcome;
}

function notificationOf(incoming: Incoming, folded: Folded): Notification | null {
  const incident = view(folded.state);
  if (!folded.change || !incident) return null;
  return {
    messageId: `msg_${crypto.randomUUID()}`,
    type: incoming.notificationType(folded),
    timestamp: incoming.occurredAt,
    incident,
    change: folded.change,
    provenance: incoming.provenance,
  };
}

/** A change of status has a line of its own, and is written only when it is real. */
function lifecycleOf({ change }: Folded, line: TimelineEntry | null): TimelineEntry | null {
  if (!change || !isLifecycle(change.kind)) return null;
  return { kind: change.kind, from: change.from, to: change.to, text: line?.text ?? null };
}
