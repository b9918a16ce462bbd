import type { Config } from "../config.ts";
import { analysisAfter } from "../incidents/analysis.ts";
import { type Folded, fold, type Observation, view } from "../incidents/fold.ts";
import type {
  AnalysisCause,
  IncidentState,
  NotificationType,
  Outcome,
  Provenance,
} from "../incidents/incident.ts";
import { addHint } from "./hints.ts";
import { loadIncident, saveIncident } from "./incidents.ts";
import {
  appendEntry,
  type EntryKind,
  isLifecycle,
  type NewEntry,
  type NewNotification,
  type TimelineLine,
} from "./journal.ts";

/**
 * Folds an observation into its incident and stores the result: the incident, its journal entry and its notification.
 * Nothing in this file awaits, so all three commit together.
 */

/** The part of a tenant's object that recording needs. */
export interface RecordContext {
  storage: DurableObjectStorage;
  sql: SqlStorage;
  config: Config;
  /** The user who connected; null without a connection. */
  connectedUser(): string | null;
}

/** Returns when the first attempt of a new delivery is due; null if deliveries are not configured. */
export function firstAttemptAtMs(config: Config, nowMs: number): number | null {
  return config.events === null ? null : nowMs + (config.deliverySchedule[0] ?? 0) * 1000;
}

/**
 * Returns how long a notification's first attempt waits for the incident's context. Only the triggered event in format
 * `v3` waits: Aurora starts its analysis with this event, so the event carries the context.
 */
function contextWaitMs(
  { events, contextWaitMs }: Config,
  { change, incident }: Pick<NewNotification, "change" | "incident">,
): number {
  const carriesContext = change.kind === "created" && incident.status === "investigating";
  return events?.format === "v3" && carriesContext ? contextWaitMs : 0;
}

/** The columns that an entry gets from its webhook. */
export type WebhookRecord = Pick<NewEntry, "receivedAtMs" | "webhookId" | "requestId" | "shared" | "payload">;

/** An observation, and everything that is stored with it. */
export interface Incoming {
  incidentId: string;
  observation: Observation;
  kind: EntryKind;
  /** PagerDuty's event type. An incident read over REST gets a type such as `incident.resolved`. */
  type: string;
  notificationType: (folded: Folded) => NotificationType;
  /** ISO 8601. */
  occurredAt: string;
  provenance: Provenance;
  /** Why root-cause analysis is needed now; null if it is not. */
  analysisCause: (before: IncidentState, folded: Folded) => AnalysisCause | null;
  /** The entry's line on the timeline; null for no line. If the status changes, only the line's `text` is used. */
  line: TimelineLine | null;
  /** Whether the entry is stored even if nothing changes. */
  alwaysRecorded: boolean;
  record: WebhookRecord;
}

/** Folds the observation and stores the result. @returns `applied` if it changed the incident, otherwise `stale` */
export function apply(context: RecordContext, incoming: Incoming, nowMs: number): Outcome {
  const { sql, config } = context;
  const { provenance, record } = incoming;
  const before = loadIncident(sql, incoming.incidentId);
  const folded = fold(before, incoming.observation);
  const kind = incoming.analysisCause(before, folded);
  const cause = kind ? { kind, provenance } : null;
  const analysis = analysisAfter(folded.state, cause, nowMs, config.runbookWaitMs);
  const state: IncidentState = { ...folded.state, analysis };
  const save = (lastDeliverySeq: number | null) => {
    if (folded.changed || analysis !== before.analysis) {
      saveIncident(sql, before, withRecipient(context, state), nowMs, lastDeliverySeq);
    }
  };

  // Custom fields may arrive before their incident. They are stored, and Aurora gets them with the incident.
  const kept = folded.changed && state.snapshot === null;
  const outcome: Outcome = folded.change || kept ? "applied" : "stale";
  if (outcome === "stale" && !incoming.alwaysRecorded) {
    save(null);
    return outcome;
  }
  const notification = notificationOf(incoming, { ...folded, state });
  const dueAtMs = notification && firstAttemptAtMs(config, nowMs);
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
      timelineLine: lifecycleOf(folded, incoming.line) ?? incoming.line,
      notification,
      ...record,
    },
    dueAtMs,
    notification ? contextWaitMs(config, notification) : 0,
  );
  save(dueAtMs === null ? null : seq);
  // A delivery reads a missing incident number from PagerDuty. If deliveries are not configured, a hint makes the
  // connector read the incident (see hints.ts).
  if (config.events === null && state.number === null && state.snapshot !== null)
    addHint(sql, incoming.incidentId, seq, nowMs);
  return outcome;
}

/**
 * Stores the request for analysis and the incident's new state. In format `v3` the request is not sent, because Aurora
 * starts its analysis itself.
 */
export function recordAnalysisRequest(
  { sql, config }: RecordContext,
  before: IncidentState,
  after: IncidentState,
  entry: NewEntry,
  nowMs: number,
): void {
  const dueAtMs = config.events?.format === "v3" ? null : firstAttemptAtMs(config, nowMs);
  const seq = appendEntry(sql, entry, dueAtMs);
  saveIncident(sql, before, after, nowMs, dueAtMs === null ? null : seq);
}

/**
 * At the incident's first notification, sets `recipientUserId` to the connected user. Aurora stores the incident under
 * this user, so later notifications name this user, too.
 */
function withRecipient(context: RecordContext, state: IncidentState): IncidentState {
  if (state.version === 0 || state.recipientUserId !== null) return state;
  return { ...state, recipientUserId: context.connectedUser() };
}

function notificationOf(incoming: Incoming, folded: Folded): NewNotification | null {
  const incident = view(folded.state);
  if (!folded.change || !incident) return null;
  return {
    type: incoming.notificationType(folded),
    timestamp: incoming.occurredAt,
    incident,
    change: folded.change,
    changedFields: folded.changedFields,
    provenance: incoming.provenance,
  };
}

/** Returns the timeline's line for a change of status; null if the status did not change. */
function lifecycleOf({ change }: Folded, line: TimelineLine | null): TimelineLine | null {
  if (!change || !isLifecycle(change.kind)) return null;
  return { kind: change.kind, from: change.from, to: change.to, text: line?.text ?? null };
}
