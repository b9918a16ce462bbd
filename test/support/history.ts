import type { Account, Incident } from "../emulator/pagerduty.ts";
import { type WebhookEvent, webhookBody } from "../emulator/webhook-event.ts";
import { pick, seededRandom } from "./random.ts";

/** Makes random histories of incidents from a seed, with all types of events. */

const PRIORITIES = ["P1", "P2", "SEV3", "low", null] as const;
const OTHERS = [
  ["incident.responder.added", "incident_responder"],
  ["incident.status_update_published", "incident_status_update"],
  ["incident.conference_bridge.updated", "incident_conference_bridge"],
  ["incident.task.created", "incident_task"],
  ["incident.workflow.started", "incident_workflow_instance"],
  ["incident.something_new", "incident_something_new"],
] as const;

function happen(account: Account, incident: Incident, random: () => number): WebhookEvent {
  const other = () => {
    const [eventType, type] = pick(random, OTHERS);
    const reference = { id: incident.id, type: "incident_reference" };
    return account.emit({
      eventType,
      data: { type, incident: reference, message: "…" },
      incidentId: incident.id,
    });
  };
  if (incident.status === "resolved" && random() < 0.7) return random() < 0.3 ? incident.reopen() : other();
  return pick(random, [
    () => incident.acknowledge(),
    () => incident.unacknowledge(),
    () => incident.resolve(random() < 0.3 ? { mergedInto: "PMERGED" } : {}),
    () => incident.setPriority(pick(random, PRIORITIES)),
    () => incident.escalate(),
    () =>
      incident.setField(
        "runbook_link",
        random() < 0.3 ? null : `http://localhost/${Math.floor(random() * 100)}`,
      ),
    () => incident.setField("environment", random() < 0.3 ? null : pick(random, ["production", "staging"])),
    () => incident.annotate("Looking into it"),
    other,
  ])();
}

export interface History {
  incidents: Incident[];
  /** Webhooks in the order in which their events occurred. */
  webhooks: { webhookId: string; body: string; incidentId: string }[];
}

/** An event, and its incident in the state after the event. */
export interface Happening {
  incident: Incident;
  webhook: History["webhooks"][number];
}

export interface HistoryOptions {
  incidents: number;
  events: number;
  seed: number;
}

/** Makes the interleaved events of several incidents. Each event is made only when the caller asks for it. */
export function* happenings(account: Account, options: HistoryOptions): Generator<Happening, void> {
  const random = seededRandom(options.seed);
  const incidents: Incident[] = [];
  for (let index = 0; index < options.events; index += 1) {
    const left = options.incidents - incidents.length;
    const fresh = left > 0 && random() < Math.max(0.1, left / (options.events - index));
    const known = fresh || incidents.length === 0 ? null : pick(random, incidents);
    const incident =
      known ?? account.trigger({ title: `Incident ${incidents.length}`, priority: pick(random, PRIORITIES) });
    if (!known) incidents.push(incident);
    const event = known ? happen(account, known, random) : incident.events[0];
    if (!event) throw new Error("The incident has no event");
    const webhook = { webhookId: `webhook-${index}`, body: webhookBody(event), incidentId: incident.id };
    yield { incident, webhook };
  }
}

/** Makes all events of a history at once. The account should have no subscription. */
export function makeHistory(account: Account, options: HistoryOptions): History {
  const happened = [...happenings(account, options)];
  return {
    incidents: [...new Set(happened.map(({ incident }) => incident))],
    webhooks: happened.map(({ webhook }) => webhook),
  };
}

/** Returns the members that the incident must finally have in Aurora, derived from PagerDuty's state. */
export function truthOf(incident: Incident) {
  return {
    incidentId: incident.id,
    sourceAlertId: String(incident.number),
    title: incident.title,
    pagerdutyStatus: incident.status,
    status: incident.status === "resolved" ? "resolved" : "investigating",
    priority: incident.priority,
    urgency: incident.urgency,
    resolvedAt: incident.resolvedAtMs === null ? null : new Date(incident.resolvedAtMs).toISOString(),
    customFields: Object.fromEntries(incident.customFields),
  };
}
