import * as z from "zod";
import type { Incident } from "./incident.ts";
import {
  alertResource,
  changeResource,
  noteResource,
  otherIncidentResource,
  relatedIncidentResource,
} from "./incident-knowledge.ts";
import { jsonReply, type Reply } from "./listener.ts";
import { restError } from "./rest-error.ts";
import { aboutIncident } from "./rest-incidents.ts";
import { PageQuery, pageOf } from "./rest-page.ts";
import { bodyOf, parseInput, queryOf, type RestCall, type Route } from "./rest-route.ts";

const MAX_PAST = 999;
/** The longest note that the emulator accepts; PagerDuty documents no limit. */
const MAX_NOTE_CHARS = 25_000;

const AlertQuery = PageQuery.and(
  z.object({
    alert_key: z.string().optional(),
    "statuses[]": z.array(z.enum(["triggered", "resolved"])).optional(),
    sort_by: z.stringFormat("sort", /^(created_at|resolved_at)(:(asc|desc))?$/).default("created_at:asc"),
  }),
);
const ChangeQuery = z.object({ limit: z.coerce.number().int().optional() });
const PastQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAST).default(5),
  total: z.stringbool().default(false),
});
const RelatedQuery = z.object({ "additional_details[]": z.array(z.literal("incident")).optional() });
const NewNote = z.object({ note: z.object({ content: z.string().min(1).max(MAX_NOTE_CHARS) }) });

function listAlerts(incident: Incident, call: RestCall): Reply {
  const query = parseInput(AlertQuery, queryOf(call));
  if (!query.ok) return query.reply;
  const sign = query.value.sort_by.endsWith(":desc") ? -1 : 1;
  const alerts = incident.knowledge.alerts.toSorted((a, b) => sign * (a.createdAt < b.createdAt ? -1 : 1));
  const { items, pagination } = pageOf(alerts, query.value);
  return jsonReply(200, { alerts: items.map((alert) => alertResource(incident, alert)), ...pagination });
}

function listChanges(incident: Incident, call: RestCall): Reply {
  const query = parseInput(ChangeQuery, queryOf(call));
  if (!query.ok) return query.reply;
  const changes = incident.knowledge.changes.slice(0, query.value.limit);
  return jsonReply(200, {
    change_events: changes.map((change, index) => changeResource(incident, change, index)),
    limit: null,
    offset: null,
    total: null,
    more: false,
  });
}

function listPast(incident: Incident, call: RestCall): Reply {
  const query = parseInput(PastQuery, queryOf(call));
  if (!query.ok) return query.reply;
  const { limit } = query.value;
  const past = incident.knowledge.past;
  return jsonReply(200, {
    past_incidents: past
      .slice(0, limit)
      .map((other) => ({ incident: otherIncidentResource(incident, other), score: other.score })),
    total: past.length,
    limit,
  });
}

function listRelated(incident: Incident, call: RestCall): Reply {
  const query = parseInput(RelatedQuery, queryOf(call));
  if (!query.ok) return query.reply;
  const whole = query.value["additional_details[]"] !== undefined;
  return jsonReply(200, {
    related_incidents: incident.knowledge.related.map((other) => ({
      incident: relatedIncidentResource(incident, other, whole),
      relationships: [
        { type: "machine_learning_inferred", metadata: { grouping_classification: "similar_contents" } },
      ],
    })),
  });
}

const listNotes = (incident: Incident): Reply =>
  jsonReply(200, { notes: incident.notes.map((note) => noteResource(incident, note)).reverse() });

function createNote(incident: Incident, call: RestCall): Reply {
  const { from } = call.headers;
  if (from === undefined && call.credential.kind === "account") return restError.needsUser();
  if (from !== undefined && from !== call.account.user.email) {
    return restError.invalid(["Requester User Not Found"]);
  }
  const input = parseInput(NewNote, bodyOf(call));
  if (!input.ok) return input.reply;
  incident.annotate(input.value.note.content);
  const note = incident.notes.at(-1);
  if (!note) throw new Error("The note was not stored");
  return jsonReply(200, { note: noteResource(incident, note) });
}

const READ = "incidents.read";

export const knowledgeRoutes: readonly Route[] = [
  { method: "GET", path: "/incidents/{id}/alerts", scope: READ, answer: aboutIncident(listAlerts) },
  {
    method: "GET",
    path: "/incidents/{id}/related_change_events",
    scope: READ,
    answer: aboutIncident(listChanges),
  },
  { method: "GET", path: "/incidents/{id}/past_incidents", scope: READ, answer: aboutIncident(listPast) },
  {
    method: "GET",
    path: "/incidents/{id}/related_incidents",
    scope: READ,
    answer: aboutIncident(listRelated),
  },
  { method: "GET", path: "/incidents/{id}/notes", scope: READ, answer: aboutIncident(listNotes) },
  {
    method: "POST",
    path: "/incidents/{id}/notes",
    scope: "incidents.write",
    answer: aboutIncident(createNote),
  },
];
