import * as z from "zod/mini";
import { cutText } from "../incidents/text.ts";
import {
  type Effect,
  type IncidentData,
  lenient,
  type PagerDutyEvent,
  Reference,
  RoleAssignments,
} from "../pagerduty/event.ts";
import type { TimelineLine } from "../storage/journal.ts";

/** Builds the line that an event adds to its incident's timeline. Pure. */

/** The fold already writes a line about the new status. These events add another line only if they have a text. */
const STATUS_EVENTS = new Set([
  "incident.triggered",
  "incident.acknowledged",
  "incident.unacknowledged",
  "incident.resolved",
  "incident.reopened",
]);
/** Longer texts are shortened; PagerDuty shows the whole text. */
const MAX_TEXT_CHARS = 2000;

export function timelineLineOf(event: PagerDutyEvent, effect: Effect): TimelineLine | null {
  const text = textOf(event, effect);
  if (STATUS_EVENTS.has(event.event_type) && text === null) return null;
  const said = text ?? actorOf(event) ?? event.event_type.split(/[._]/).slice(1).join(" ");
  return { kind: event.event_type, from: null, to: null, text: cutText(said, MAX_TEXT_CHARS) };
}

function textOf(event: PagerDutyEvent, effect: Effect): string | null {
  switch (effect.kind) {
    case "fields":
      return effect.fields.map(({ name }) => name).join(", ") || null;
    case "incident":
      return incidentText(event, effect.data);
    case "timeline":
      return roleText(event, effect.incidentId) ?? otherText(event.data);
    case "none":
      return null;
  }
}

const nameOf = (reference: Reference): string | null => reference?.summary || reference?.name || null;
const actorOf = ({ agent }: PagerDutyEvent): string | null => {
  const name = nameOf(Reference.parse(agent));
  return name && `By ${name}`;
};

function incidentText(event: PagerDutyEvent, data: IncidentData): string | null {
  const { resolve_reason: reason } = data;
  if (reason?.type === "merge_resolve_reason")
    return `Merged into ${reason.incident?.id ?? "another incident"}`;
  const people = data.assignees?.flatMap((assignee) => nameOf(assignee) ?? []).join(", ") || null;
  switch (event.event_type) {
    case "incident.priority_updated":
      return nameOf(data.priority) ?? "No priority";
    case "incident.service_updated":
      return nameOf(data.service);
    case "incident.reassigned":
    case "incident.escalated":
      return people && `To ${people}`;
    case "incident.delegated": {
      const to = nameOf(data.escalation_policy) ?? people;
      return to && `To ${to}`;
    }
    case "incident.incident_type.changed":
      return nameOf(Reference.parse(event.data?.["incident_type"]));
    default:
      return null;
  }
}

function roleText({ data }: PagerDutyEvent, incidentId: string): string | null {
  const parsed = RoleAssignments.safeParse(data);
  if (!parsed.success) return null;
  return parsed.data.incident_role_assignments
    .filter(({ incident }) => incident.id === incidentId)
    .map(({ role, assignee }) => `${nameOf(role) ?? "Role"}: ${nameOf(assignee) ?? "nobody"}`)
    .join(", ");
}

const Text = lenient(z.string());

/** `data` of notes, status updates, responders, tasks, conference bridges, workflows and actions. */
const OtherData = z.object({
  content: Text,
  message: Text,
  summary: Text,
  title: Text,
  name: Text,
  description: Text,
  conference_url: Text,
  conference_numbers: lenient(z.array(lenient(z.object({ label: Text, number: Text })))),
  status: Text,
  state: Text,
  task: Reference,
  workflow: Reference,
  incident_workflow: Reference,
  action: Reference,
  user: Reference,
  assignee: Reference,
  escalation_policy: Reference,
});

/** Returns for example "Check the database: Ann Lee (completed)", without the parts that the event lacks. */
function otherText(data: unknown): string | null {
  const parsed = OtherData.safeParse(data);
  if (!parsed.success) return null;
  const { data: given } = parsed;
  if (given.content) return given.content;
  const numbers = given.conference_numbers?.flatMap((entry) => entry?.number ?? []) ?? [];
  const bridge = [given.conference_url, ...numbers].filter(Boolean).join(", ");
  const what =
    given.message ||
    given.summary ||
    given.title ||
    given.name ||
    [given.task, given.incident_workflow, given.workflow, given.action].map(nameOf).find(Boolean) ||
    given.description ||
    bridge;
  const who = [given.user, given.assignee, given.escalation_policy].map(nameOf).find(Boolean);
  const state = given.status || given.state;
  const said = [what, who].filter(Boolean).join(": ");
  if (said === "") return null;
  return state ? `${said} (${state})` : said;
}
