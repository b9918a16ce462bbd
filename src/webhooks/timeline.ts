import type { Effect, PagerDutyEvent } from "../pagerduty/event.ts";
import type { TimelineLine } from "../storage/journal.ts";

/** The line that an event adds to its incident's timeline. Pure. */

/** The fold writes the line of a change of status; without a text of their own these events add none. */
const STATUS_EVENTS = new Set([
  "incident.triggered",
  "incident.acknowledged",
  "incident.unacknowledged",
  "incident.resolved",
  "incident.reopened",
]);
/** The rest of a longer note can be read in PagerDuty. */
const MAX_TEXT_CHARS = 2000;

export function timelineLineOf(event: PagerDutyEvent, effect: Effect): TimelineLine | null {
  const text = textOf(event, effect);
  if (STATUS_EVENTS.has(event.event_type) && text === null) return null;
  return { kind: event.event_type, from: null, to: null, text };
}

function textOf(event: PagerDutyEvent, effect: Effect): string | null {
  if (effect.kind === "fields") return effect.fields.map(({ name }) => name).join(", ");
  if (effect.kind === "incident") {
    const { resolve_reason: reason, priority } = effect.data;
    if (reason?.type === "merge_resolve_reason")
      return `Merged into ${reason.incident?.id ?? "another incident"}`;
    return event.event_type === "incident.priority_updated" ? (priority?.summary ?? "No priority") : null;
  }
  const text = event.data?.["content"] ?? event.data?.["message"];
  return typeof text === "string" ? text.slice(0, MAX_TEXT_CHARS) : null;
}
