import type { TenantContext } from "../connection/tenant-context.ts";
import { failedAttempts } from "../delivery/attempts.ts";
import { bodiesOf } from "../delivery/bodies.ts";
import { type FailureParts, failureText } from "../delivery/failure-text.ts";
import { shownEventsUrl, shownHeaders } from "../delivery/sink.ts";
import { AppError } from "../errors.ts";
import { view } from "../incidents/fold.ts";
import type { Analysis } from "../incidents/incident.ts";
import { activityOf } from "../storage/activity.ts";
import { loadContext } from "../storage/contexts.ts";
import { loadIncident } from "../storage/incidents.ts";
import {
  deliveryIdOf,
  type Entry,
  entryOfDelivery,
  firstEntryOfWebhook,
  isUndecided,
  payloadOf,
} from "../storage/journal.ts";
import {
  countDeliveries,
  countEvents,
  type DeliveryFilter,
  type EventFilter,
  listDeliveries,
  listEvents,
} from "../storage/lists/entry-list.ts";
import {
  countIncidents,
  headOf,
  type IncidentFilter,
  incidentHeads,
  listIncidents,
} from "../storage/lists/incident-list.ts";
import { type Arrival, arrivalsOfIncident, deliveriesOfIncident, timelineOf } from "../storage/lists.ts";
import { listNotes, type Note, type NoteCursor } from "../storage/notes.ts";
import { listedIncident } from "./listed-incident.ts";

/** Converts stored rows to the form in which the API shows them. */

export const iso = (atMs: number | null) => (atMs === null ? null : new Date(atMs).toISOString());

/** One webhook or recovery, as `GET /pagerduty/events` lists it. */
export function eventView(entry: Arrival) {
  return {
    webhookId: entry.webhookId,
    eventId: entry.eventId,
    type: entry.type,
    incidentId: entry.incidentId,
    occurredAt: entry.occurredAt,
    receivedAt: iso(entry.receivedAtMs),
    verification: entry.verification,
    outcome: entry.outcome,
    reason: entry.reason,
  };
}

function namedEvents(sql: SqlStorage, entries: readonly Arrival[]) {
  const heads = incidentHeads(
    sql,
    entries.flatMap(({ incidentId }) => incidentId ?? []),
  );
  return entries.map((entry) => ({
    ...eventView(entry),
    incident: entry.incidentId === null ? null : (heads.get(entry.incidentId) ?? null),
  }));
}

/** `counts`: whether to count the rows that fit each choice of a filter. */
type Asked<F> = F & { counts: boolean };
export type IncidentQuery = Asked<IncidentFilter>;
export type EventQuery = Asked<EventFilter>;
export type DeliveryQuery = Asked<DeliveryFilter>;

/** Returns a page of received webhooks, recovered incidents and findings of checks, newest first. */
export function eventPage(sql: SqlStorage, { counts, ...filter }: EventQuery) {
  const { entries, next } = listEvents(sql, filter);
  return { events: namedEvents(sql, entries), next, counts: counts ? countEvents(sql, filter) : undefined };
}

/** Returns the first webhook with this id, and its stored body as text. @throws {AppError} not_found */
export function eventDetail(sql: SqlStorage, webhookId: string) {
  const entry = firstEntryOfWebhook(sql, webhookId);
  const [event] = entry ? namedEvents(sql, [entry]) : [];
  if (!entry || !event || isUndecided(entry)) throw new AppError("not_found", "No such webhook");
  const payload = payloadOf(sql, entry.seq);
  return { ...event, payload: payload ? new TextDecoder().decode(payload) : null };
}

/** `lastError` includes the advice; `cause` does not. */
export const failureView = (failure: FailureParts | null) => ({
  lastError: failure && failureText(failure),
  cause: failure?.error ?? null,
});

const failureOf = ({ delivery, lastError, lastAdvice, failsAtMs }: Entry): FailureParts | null =>
  lastError === null
    ? null
    : { error: lastError, advice: lastAdvice, failsAtMs: delivery === "dead" ? null : failsAtMs };

/** One delivery, as `GET /pagerduty/deliveries` lists it. */
export function deliveryView(entry: Entry) {
  const { notification } = entry;
  return {
    id: deliveryIdOf(entry),
    type: notification?.type ?? entry.type,
    incidentId: entry.incidentId,
    incident: notification && headOf(notification.incident),
    version: notification?.incident.version ?? null,
    change: notification?.change.kind ?? null,
    webhookId: entry.webhookId,
    state: entry.delivery === "queued" ? ("pending" as const) : entry.delivery,
    attempts: entry.attempts,
    createdAt: iso(entry.receivedAtMs),
    nextAttemptAt: entry.delivery === "pending" ? iso(entry.nextAttemptAtMs) : null,
    deliveredAt: iso(entry.deliveredAtMs),
    ...failureView(failureOf(entry)),
    lastStatus: entry.lastStatus,
    errorClass: entry.errorClass,
  };
}

/** Returns a delivery, its bodies for Aurora, and its failed attempts. @throws {AppError} not_found */
export function deliveryDetail({ sql, config, store }: TenantContext, id: string) {
  const entry = entryOfDelivery(sql, id);
  const { connection } = store;
  if (!entry || !connection) throw new AppError("not_found", "No such delivery");
  const { events } = config;
  const made = bodiesOf(sql, events?.format ?? "v3", entry, connection);
  const bodies = made.kind === "bodies" ? made.bodies : [];
  const [first] = bodies;
  return {
    ...deliveryView(entry),
    payload: first?.text ?? null,
    /** The bodies that are sent after Aurora accepted `payload`. */
    followUps: bodies.slice(1).map(({ text }) => text),
    target: events && made.kind === "bodies" ? shownEventsUrl(events, made.recipient) : null,
    headers: events && first ? shownHeaders(config.aurora, events, first) : {},
    failedAttempts: failedAttempts(sql, entry.seq).map(({ atMs, ...attempt }) => ({
      at: new Date(atMs).toISOString(),
      ...attempt,
    })),
  };
}

/** Returns a page of deliveries to Aurora, newest first. */
export function deliveryPage(sql: SqlStorage, { counts, ...filter }: DeliveryQuery) {
  const { entries, next } = listDeliveries(sql, filter);
  const counted = counts ? countDeliveries(sql, filter) : undefined;
  return { deliveries: entries.map(deliveryView), next, counts: counted };
}

/** Returns a page of incidents, newest first. */
export function incidentPage(sql: SqlStorage, { counts, ...filter }: IncidentQuery) {
  const { incidents, next } = listIncidents(sql, filter);
  const counted = counts ? countIncidents(sql, filter) : undefined;
  return { incidents: incidents.map(listedIncident), next, counts: counted };
}

function analysisView(analysis: Analysis) {
  switch (analysis.state) {
    case "none":
      return { state: "none" as const, reason: "No triggered event of this incident was seen" };
    case "waiting":
      return { state: "waiting" as const, dueAt: iso(analysis.dueAtMs), reason: analysis.reason };
    case "requested":
      return {
        state: "requested" as const,
        at: iso(analysis.atMs),
        reason: analysis.reason,
        runbookUrl: analysis.runbookUrl,
      };
  }
}

/** The maximum number of timeline lines, and of events, that are shown with an incident. */
const MAX_LINES = 500;
/** The maximum number of deliveries shown with an incident. Few, because each is stored with the whole incident. */
const MAX_DELIVERIES = 50;

/**
 * Returns an incident with its timeline, its events and its deliveries, each list oldest first.
 * @throws {AppError} not_found
 */
export function incidentDetail(sql: SqlStorage, incidentId: string) {
  const state = loadIncident(sql, incidentId);
  const incident = view(state);
  if (!incident) throw new AppError("not_found", "No such incident");
  return {
    ...incident,
    analysis: analysisView(state.analysis),
    context: loadContext(sql, incidentId),
    timeline: timelineOf(sql, incidentId, MAX_LINES).map(({ occurredAt, receivedAtMs, ...line }) => ({
      at: occurredAt ?? iso(receivedAtMs),
      ...line,
    })),
    events: arrivalsOfIncident(sql, incidentId, MAX_LINES).map(eventView),
    deliveries: deliveriesOfIncident(sql, incidentId, MAX_DELIVERIES).map(deliveryView),
  };
}

/** `after`: the last note of the previous page; null for the first page. */
export interface NotePage {
  limit: number;
  after: NoteCursor | null;
}

function noteView(note: Note) {
  return {
    noteId: note.noteId,
    incidentId: note.incidentId,
    state: note.state,
    text: note.text,
    createdBy: note.userId,
    createdAt: iso(note.createdAtMs),
    attempts: note.attempts,
    nextAttemptAt: iso(note.nextAttemptAtMs),
    writtenAt: iso(note.writtenAtMs),
    pagerdutyId: note.pagerdutyId,
    error: note.error,
  };
}

/** Returns a page of the notes that the connector writes on an incident, newest first. @throws {AppError} not_found */
export function notePage(sql: SqlStorage, incidentId: string, { limit, after }: NotePage) {
  if (!view(loadIncident(sql, incidentId))) throw new AppError("not_found", "No such incident");
  const found = listNotes(sql, incidentId, { limit, after });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const next = found.length > limit && last ? { createdAtMs: last.createdAtMs, noteId: last.noteId } : null;
  return { notes: page.map(noteView), next };
}

/**
 * Returns the activity of the last 24 hours. @param refusedByHour how many webhooks were refused in each hour; hours
 * are counted from 1970
 */
export const activity = (sql: SqlStorage, refusedByHour: ReadonlyMap<number, number>) =>
  activityOf(sql, refusedByHour, Date.now());
