import type { Account } from "./account.ts";
import { objectId } from "./identifier.ts";
import { type Knowledge, NOTHING, type Note } from "./incident-knowledge.ts";
import { fieldValuesPayload, incidentPayload, notePayload } from "./incident-payload.ts";
import { type Reference, refer } from "./reference.ts";
import type { WebhookEvent } from "./webhook-event.ts";

export type IncidentStatus = "triggered" | "acknowledged" | "resolved";
export type Urgency = "high" | "low";

export interface TriggerOptions {
  id?: string | undefined;
  title?: string | undefined;
  urgency?: Urgency | undefined;
  /** The priority's summary, such as `P1`. */
  priority?: string | null | undefined;
  /** The custom fields that the incident has from the start. Only `setField` sends a webhook about custom fields. */
  customFields?: Record<string, unknown> | undefined;
  /** ISO 8601. Default: now. */
  createdAt?: string | undefined;
  /** Leaves `number` out of the incident's webhooks. */
  omitNumber?: boolean | undefined;
  knowledge?: Partial<Knowledge> | undefined;
}

/** An entry of the incident's log. `kind` is the entry's type without `_log_entry`. */
export interface LogEntry {
  readonly id: string;
  readonly kind: string;
  readonly atMs: number;
  readonly summary: string;
  readonly note: string | null;
}

/** An incident. Each action adds a log entry and sends a V3 webhook. PagerDuty has no webhook for a changed urgency. */
export class Incident {
  readonly id: string;
  readonly number: number;
  readonly incidentKey = objectId().toLowerCase() + objectId().toLowerCase();
  readonly omitNumber: boolean;
  readonly createdAtMs: number;
  title: string;
  status: IncidentStatus = "triggered";
  urgency: Urgency;
  priority: string | null;
  readonly customFields: Map<string, unknown>;
  assignee: Reference;
  updatedAtMs: number;
  lastStatusChangeAtMs: number;
  acknowledgedAtMs: number | null = null;
  resolvedAtMs: number | null = null;
  /** The id of the incident into which this incident was merged. */
  mergedInto: string | null = null;
  /** Oldest first. */
  readonly log: LogEntry[] = [];
  /** Oldest first. */
  readonly notes: Note[] = [];
  readonly knowledge: Knowledge;
  /** The events that were sent in webhooks, oldest first. */
  readonly events: WebhookEvent[] = [];
  readonly account: Account;
  #silent = false;

  /** Called only by `account.trigger`. */
  constructor(account: Account, number: number, options: TriggerOptions) {
    this.account = account;
    this.id = options.id ?? objectId();
    this.number = number;
    this.omitNumber = options.omitNumber ?? false;
    this.knowledge = { ...NOTHING, ...options.knowledge };
    this.title = options.title ?? "A little bump in the road";
    this.urgency = options.urgency ?? "high";
    this.priority = options.priority ?? null;
    this.customFields = new Map(Object.entries(options.customFields ?? {}));
    for (const [name, value] of this.customFields) account.customFields.named(name, value);
    this.assignee = account.userReference;
    this.createdAtMs =
      options.createdAt === undefined ? account.clock.nowMs() : Date.parse(options.createdAt);
    this.updatedAtMs = this.createdAtMs;
    this.lastStatusChangeAtMs = this.createdAtMs;
    this.#write("trigger", "Triggered through the API.", this.createdAtMs);
  }

  /** `account.trigger` calls this method unless `silent` is true. */
  announce(): WebhookEvent {
    return this.#emit("incident.triggered", incidentPayload(this), this.account.clock.nowMs());
  }

  acknowledge(): WebhookEvent {
    return this.#changeStatus("acknowledged", "incident.acknowledged", "acknowledge");
  }

  /** Removes the acknowledgement, as PagerDuty does after a time-out. */
  unacknowledge(): WebhookEvent {
    return this.#changeStatus("triggered", "incident.unacknowledged", "unacknowledge");
  }

  resolve(options: { mergedInto?: string } = {}): WebhookEvent {
    this.mergedInto = options.mergedInto ?? null;
    return this.#changeStatus("resolved", "incident.resolved", "resolve");
  }

  reopen(): WebhookEvent {
    // PagerDuty's OpenAPI lists no log entry for this action, so the entry's type is assumed.
    return this.#changeStatus("triggered", "incident.reopened", "field_value_change");
  }

  /** @param summary such as `P1`; null removes the priority */
  setPriority(summary: string | null): WebhookEvent {
    this.priority = summary;
    return this.#change(
      "incident.priority_updated",
      "field_value_change",
      `Priority is now ${summary ?? "none"}.`,
    );
  }

  setUrgency(urgency: Urgency): void {
    this.urgency = urgency;
    this.#touch("urgency_change", `Urgency is now ${urgency}.`);
  }

  escalate(): WebhookEvent {
    this.assignee = refer(this.account, "user", objectId(), "Second Level");
    return this.#change("incident.escalated", "escalate", "Escalated to Second Level.");
  }

  reassign(name: string): WebhookEvent {
    this.assignee = refer(this.account, "user", objectId(), name);
    return this.#change("incident.reassigned", "assign", `Reassigned to ${name}.`);
  }

  /** @param value if null, the field's value is removed */
  setField(name: string, value: unknown): WebhookEvent {
    const field = this.account.customFields.named(name, value);
    const before = this.customFields.get(name) ?? null;
    if (value === null) this.customFields.delete(name);
    else this.customFields.set(name, value);
    const atMs = this.#touch("custom_field_value_change", `${field.displayName} changed.`);
    return this.#emit("incident.custom_field_values.updated", fieldValuesPayload(this, field, before), atMs);
  }

  annotate(text: string): WebhookEvent {
    const atMs = this.#touch("annotate", "Note added.", text);
    const note = { id: objectId(), content: text, atMs };
    this.notes.push(note);
    return this.#emit("incident.annotated", notePayload(this, note), atMs);
  }

  /** Runs changes without sending webhooks, to simulate missed events. */
  silently(change: (incident: Incident) => void): void {
    const status = this.status;
    const { lastStatusChangeAtMs } = this;
    this.#silent = true;
    try {
      change(this);
    } finally {
      this.#silent = false;
    }
    this.updatedAtMs = this.account.clock.nowMs();
    if (this.status !== status && this.lastStatusChangeAtMs === lastStatusChangeAtMs)
      this.#stampStatus(this.updatedAtMs);
  }

  #changeStatus(status: IncidentStatus, eventType: string, logKind: string): WebhookEvent {
    this.status = status;
    const atMs = this.#touch(
      logKind,
      `${status.charAt(0).toUpperCase()}${status.slice(1)} by ${this.account.user.name}.`,
    );
    this.#stampStatus(atMs);
    return this.#emit(eventType, incidentPayload(this), atMs);
  }

  #change(eventType: string, logKind: string, summary: string): WebhookEvent {
    const atMs = this.#touch(logKind, summary);
    return this.#emit(eventType, incidentPayload(this), atMs);
  }

  #stampStatus(atMs: number): void {
    this.lastStatusChangeAtMs = atMs;
    this.acknowledgedAtMs = this.status === "acknowledged" ? atMs : null;
    this.resolvedAtMs = this.status === "resolved" ? atMs : null;
    if (this.status !== "resolved") this.mergedInto = null;
  }

  #touch(logKind: string, summary: string, note: string | null = null): number {
    const atMs = this.account.clock.nowMs();
    this.updatedAtMs = atMs;
    this.#write(logKind, summary, atMs, note);
    return atMs;
  }

  #write(kind: string, summary: string, atMs: number, note: string | null = null): void {
    this.log.push({ id: objectId(), kind, atMs, summary, note });
  }

  #emit(eventType: string, data: unknown, atMs: number): WebhookEvent {
    const agent = eventType === "incident.triggered" ? null : this.account.userReference;
    const event = this.account.eventOf({ eventType, data, agent, occurredAt: new Date(atMs).toISOString() });
    if (this.#silent) return event;
    this.events.push(event);
    this.account.publish(event, this.id);
    return event;
  }
}
