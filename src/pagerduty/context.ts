import * as z from "zod/mini";
import type {
  ContextAlert,
  ContextChange,
  ContextNote,
  PastIncident,
  RelatedIncident,
} from "../incidents/context.ts";
import { type ApiAnswer, type ApiTarget, callPagerDuty } from "./api.ts";
import { lenient, listOf, Time } from "./event.ts";

/**
 * Reads an incident's alerts, change events, similar incidents and notes, and writes notes. Skips alerts and incidents
 * without an id, and notes without text. Optional members of an unexpected shape count as absent.
 * https://developer.pagerduty.com/api-reference/operations/listIncidentAlerts and the pages of the other calls
 */

const MAX_ALERTS = 20;
/**
 * Each call requests at most this many change events or past incidents. `context-trim.ts` sorts them, because PagerDuty
 * does not, and keeps ten of each.
 */
const MAX_OF_EACH_OTHER = 20;

const Text = lenient(z.string());
const Named = lenient(z.object({ summary: Text }));
const Link = lenient(z.object({ href: Text, text: Text }));

const pathOf = (incidentId: string, what: string) => `/incidents/${encodeURIComponent(incidentId)}/${what}`;

/** Returns a schema that extracts the list `answer[name]`. */
const answerOf = <T>(name: string, item: z.ZodMiniType<T>) =>
  z.pipe(
    z.looseObject({ [name]: listOf(item) }),
    z.transform((answer: Record<string, T[]>) => answer[name] ?? []),
  );

const linksOf = (links: readonly z.infer<typeof Link>[] | null | undefined) =>
  (links ?? []).flatMap((link) => (link?.href ? [{ href: link.href, text: link.text ?? null }] : []));

const Alert = z.lazy(() =>
  z.pipe(
    z.object({
      id: z.string(),
      summary: Text,
      severity: Text,
      status: Text,
      created_at: lenient(Time),
      html_url: Text,
      integration: Named,
      body: lenient(
        z.object({
          details: z.optional(z.unknown()),
          contexts: lenient(z.array(Link)),
          cef_details: lenient(z.object({ source_origin: Text, source_component: Text })),
        }),
      ),
    }),
    z.transform(
      ({ id, body, integration, ...alert }): ContextAlert => ({
        id,
        summary: alert.summary ?? null,
        severity: alert.severity ?? null,
        status: alert.status ?? null,
        createdAt: alert.created_at ?? null,
        url: alert.html_url ?? null,
        source:
          body?.cef_details?.source_origin ??
          body?.cef_details?.source_component ??
          integration?.summary ??
          null,
        details: body?.details ?? null,
        links: linksOf(body?.contexts),
      }),
    ),
  ),
);

const Alerts = answerOf("alerts", Alert);

/** `GET /incidents/{id}/alerts`, newest first. */
export const listAlerts = (target: ApiTarget, incidentId: string): Promise<ApiAnswer<ContextAlert[]>> =>
  callPagerDuty(
    target,
    "GET",
    pathOf(incidentId, `alerts?limit=${MAX_ALERTS}&sort_by=created_at%3Adesc`),
    Alerts,
  );

const Change = z.lazy(() =>
  z.pipe(
    z.object({
      summary: Text,
      timestamp: lenient(Time),
      source: Text,
      integration: Named,
      custom_details: z.optional(z.unknown()),
      links: lenient(z.array(Link)),
      correlation_reason: lenient(z.object({ reason: Text })),
    }),
    z.transform(
      (change): ContextChange => ({
        summary: change.summary ?? null,
        timestamp: change.timestamp ?? null,
        source: change.source ?? change.integration?.summary ?? null,
        reason: change.correlation_reason?.reason ?? null,
        details: change.custom_details ?? null,
        links: linksOf(change.links),
      }),
    ),
  ),
);

const Changes = answerOf("change_events", Change);

/** `GET /incidents/{id}/related_change_events` */
export const listChanges = (target: ApiTarget, incidentId: string): Promise<ApiAnswer<ContextChange[]>> =>
  callPagerDuty(
    target,
    "GET",
    pathOf(incidentId, `related_change_events?limit=${MAX_OF_EACH_OTHER}`),
    Changes,
  );

const OtherIncident = z.object({
  id: z.string(),
  title: Text,
  summary: Text,
  status: Text,
  created_at: lenient(Time),
  html_url: Text,
});

const commonOf = ({ id, title, summary, created_at, html_url }: z.infer<typeof OtherIncident>) => ({
  incidentId: id,
  title: title ?? summary ?? null,
  createdAt: created_at ?? null,
  url: html_url ?? null,
});

const Past = z.pipe(
  z.object({ incident: OtherIncident, score: lenient(z.number()) }),
  z.transform(({ incident, score }): PastIncident => ({ ...commonOf(incident), score: score ?? null })),
);

const PastIncidents = answerOf("past_incidents", Past);

/** `GET /incidents/{id}/past_incidents`, which only some plans include. */
export const listPastIncidents = (
  target: ApiTarget,
  incidentId: string,
): Promise<ApiAnswer<PastIncident[]>> =>
  callPagerDuty(
    target,
    "GET",
    pathOf(incidentId, `past_incidents?limit=${MAX_OF_EACH_OTHER}`),
    PastIncidents,
  );

const Related = z.pipe(
  z.object({ incident: OtherIncident }),
  z.transform(
    ({ incident }): RelatedIncident => ({ ...commonOf(incident), status: incident.status ?? null }),
  ),
);

const RelatedIncidents = answerOf("related_incidents", Related);

/** `GET /incidents/{id}/related_incidents` */
export const listRelatedIncidents = (
  target: ApiTarget,
  incidentId: string,
): Promise<ApiAnswer<RelatedIncident[]>> =>
  callPagerDuty(
    target,
    "GET",
    pathOf(incidentId, "related_incidents?additional_details%5B%5D=incident"),
    RelatedIncidents,
  );

/** A note at PagerDuty; `id` is null if PagerDuty does not return it. */
export interface WrittenNote extends ContextNote {
  id: string | null;
}

const Note = z.pipe(
  z.object({ id: Text, content: z.string(), user: Named, created_at: lenient(Time) }),
  z.transform(
    ({ id, content, user, created_at }): WrittenNote => ({
      id: id ?? null,
      text: content,
      by: user?.summary ?? null,
      createdAt: created_at ?? null,
    }),
  ),
);

const Notes = answerOf("notes", Note);

/** `GET /incidents/{id}/notes`: all notes of the incident. */
export const listNotes = (target: ApiTarget, incidentId: string): Promise<ApiAnswer<WrittenNote[]>> =>
  callPagerDuty(target, "GET", pathOf(incidentId, "notes"), Notes);

/** `POST /incidents/{id}/notes`. @param from see `callPagerDuty` */
export const createNote = (
  target: ApiTarget,
  incidentId: string,
  content: string,
  from: string | null,
): Promise<ApiAnswer<WrittenNote>> => {
  const Answer = z.pipe(
    z.object({ note: Note }),
    z.transform(({ note }) => note),
  );
  return callPagerDuty(target, "POST", pathOf(incidentId, "notes"), Answer, { note: { content } }, from);
};
