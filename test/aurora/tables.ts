import type { Json } from "./prompt/jsonb.ts";
import type { Severity } from "./task/event-reading.ts";

/** A row of `pagerduty_events`. */
export interface EventRow {
  readonly id: number;
  readonly userId: string;
  readonly organisation: string;
  readonly eventType: string;
  readonly incidentId: string | null;
  readonly title: string | null;
  readonly status: string | null;
  readonly urgency: string | null;
  readonly serviceName: string | null;
  readonly serviceId: string | null;
  readonly payload: Json;
  readonly receivedAtMs: number;
}

export type IncidentStatus = "investigating" | "resolved" | "analyzed";

/** A row of `incidents`. Its key consists of the organisation, the number and the user. */
export interface IncidentRow {
  readonly id: string;
  readonly userId: string;
  readonly organisation: string;
  /** `source_alert_id` */
  readonly number: number;
  /** Title and service come from the incident's first event, and never change. */
  readonly title: string | null;
  readonly service: string;
  severity: Severity;
  status: IncidentStatus;
  startedAtMs: number;
  updatedAtMs: number;
  firedAt: string | null;
  /** `alert_metadata` */
  metadata: { [key: string]: Json };
  affectedServices: string[];
  correlatedAlerts: number;
  /** The rows that PagerDuty's events add to `incident_lifecycle_events` for this incident. */
  readonly lifecycle: { event: "created" | "status_changed" | "resolved"; from: string | null; to: string }[];
  /** `rca_celery_task_id` */
  analysisTaskId: string | null;
  /** `aurora_chat_session_id`: set when a worker starts the analysis. */
  analysisSessionId: string | null;
}

/** The text that Aurora's language model gets for one analysis. */
export interface Prompt {
  readonly userId: string;
  readonly incidentId: string;
  readonly number: number;
  readonly text: string;
}

/** A summary of a triggered event by Aurora's language model. */
export interface Summary {
  readonly userId: string;
  readonly incidentId: string;
  readonly number: number;
}

export type DropReason =
  /** The event is not about an incident, or Aurora's route ignores its event type. */
  | "not_monitored"
  | "no_number"
  | "no_organisation"
  /** The event has no incident id, or no custom field with a name and a value. */
  | "no_fields"
  /** The event with the custom fields is stored, but `incidents` has no row for its incident. */
  | "unknown_incident"
  /** A triggered event joined another incident, and got no row, summary or analysis. */
  | "correlated"
  | "analysis_limit"
  | "analyzed_already"
  /** The task's last attempt failed. */
  | "failed";

/** An event or an analysis that Aurora dropped silently. */
export interface Drop {
  readonly userId: string;
  readonly eventType: string;
  readonly incidentId: string | null;
  readonly reason: DropReason;
  readonly detail: string;
}

/** The rows in Aurora's tables, oldest first. */
export class Tables {
  readonly events: EventRow[] = [];
  readonly incidents: IncidentRow[] = [];
  readonly prompts: Prompt[] = [];
  readonly summaries: Summary[] = [];
  readonly drops: Drop[] = [];
  #lastEventId = 0;

  addEvent(row: Omit<EventRow, "id">): EventRow {
    this.#lastEventId += 1;
    const event = { id: this.#lastEventId, ...row };
    this.events.push(event);
    return event;
  }

  incident(userId: string, organisation: string, number: number): IncidentRow | null {
    return (
      this.incidents.find(
        (row) => row.userId === userId && row.organisation === organisation && row.number === number,
      ) ?? null
    );
  }

  clear(): void {
    for (const rows of [this.events, this.incidents, this.prompts, this.summaries, this.drops])
      rows.length = 0;
  }
}
