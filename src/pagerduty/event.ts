import * as z from "zod/mini";
import { FieldValue } from "../incidents/incident.ts";
import { isRecord } from "../incidents/json-size.ts";

/**
 * PagerDuty's V3 webhook body, which holds one event. Only the members that are used are parsed.
 * https://developer.pagerduty.com/docs/webhooks-overview
 */

/**
 * Makes a member optional. A value of an unexpected shape counts as absent, so it does not invalidate the whole
 * incident.
 */
export const lenient = <T>(schema: z.ZodMiniType<T>) => z.catch(z.nullish(schema), null);

/** A list that skips each item of an unexpected shape. */
export const listOf = <T>(item: z.ZodMiniType<T>) =>
  z.pipe(
    z.array(z.unknown()),
    z.transform((items: unknown[]) =>
      items.flatMap((one) => {
        const parsed = item.safeParse(one);
        return parsed.success ? [parsed.data] : [];
      }),
    ),
  );

export const Reference = z.lazy(() =>
  lenient(
    z.object({
      id: lenient(z.string()),
      summary: lenient(z.string()),
      name: lenient(z.string()),
    }),
  ),
);

export type Reference = z.infer<typeof Reference>;

const ISO_WITH_ZONE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
/** Aurora is written in Python, whose dates have only the years 1 to 9999. */
const MIN_MS = Date.parse("0001-01-01T00:00:00Z");
const MAX_MS = Date.parse("9999-12-31T00:00:00Z");

/** Returns false for NaN. */
const isInRange = (atMs: number) => atMs >= MIN_MS && atMs <= MAX_MS;

/**
 * Keeps a time of the form `ISO_WITH_ZONE`, which Aurora can read. Converts any other time to this form, in UTC.
 */
export const Time = z.pipe(
  z.string().check(z.refine((value) => isInRange(Date.parse(value)), { error: "not a date" })),
  z.transform((value: string) => (ISO_WITH_ZONE.test(value) ? value : new Date(value).toISOString())),
);

/**
 * An id becomes a storage key and part of a URL path. It must therefore not be `.` or `..`, or contain spaces,
 * invisible characters or unpaired surrogates.
 */
const Id = z
  .string()
  .check(
    z.refine((id) => /^[^\p{C}\p{Z}]{1,200}$/u.test(id) && !/^\.{1,2}$/.test(id), { error: "not an id" }),
  );

/** Limits `event_type` and `resource_type`. PagerDuty's longest name has about 40 characters. */
const MAX_NAME_CHARS = 200;
const Name = z
  .string()
  .check(
    z.minLength(1, "is empty"),
    z.maxLength(MAX_NAME_CHARS, `is longer than ${MAX_NAME_CHARS} characters`),
  );

/** An http(s) URL. */
const Link = z.string().check(z.refine((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? "")));

/** An incident's number, which a proxy in front of PagerDuty may write as text. */
export const IncidentNumber = lenient(
  z.union([z.number(), z.pipe(z.string().check(z.regex(/^\d{1,15}$/)), z.transform(Number))]),
);

/** `data` of most incident events: the whole incident at the time of the event. */
export const IncidentData = z.lazy(() =>
  z.object({
    id: Id,
    type: z.literal("incident"),
    number: IncidentNumber,
    title: lenient(z.string()),
    status: lenient(z.string()),
    urgency: lenient(z.string()),
    priority: Reference,
    service: Reference,
    assignees: lenient(z.array(Reference)),
    /** REST has `assignments` where webhooks have `assignees`. */
    assignments: lenient(z.array(lenient(z.object({ assignee: Reference })))),
    teams: lenient(z.array(Reference)),
    escalation_policy: Reference,
    html_url: lenient(Link),
    incident_key: lenient(z.string()),
    created_at: lenient(Time),
    body: lenient(z.object({ details: lenient(z.string()) })),
    /** With the type `merge_resolve_reason`, `incident` is the incident into which this incident was merged. */
    resolve_reason: lenient(z.object({ type: lenient(z.string()), incident: Reference })),
  }),
);
export type IncidentData = z.infer<typeof IncidentData>;

const NamedValue = z.object({ name: z.string(), value: FieldValue });

export const FieldValues = listOf(NamedValue);
export type FieldValues = z.infer<typeof FieldValues>;

/** `data` of `incident.custom_field_values.updated`. `changed_custom_fields` holds the old values and is not read. */
const FieldValuesData = z.object({
  type: z.literal("incident_field_values"),
  incident: z.object({ id: Id }),
  custom_fields: FieldValues,
});

/** `data` of all other events: notes, responders, tasks, services, and types that PagerDuty adds later. */
const OtherData = z.record(z.string(), z.unknown());

export const PagerDutyEvent = z.object({
  id: Id,
  event_type: Name,
  resource_type: Name,
  occurred_at: Time,
  /** The person or tool that caused the event. `webhooks/timeline.ts` parses `agent`. */
  agent: z.optional(z.unknown()),
  data: lenient(OtherData),
});
export type PagerDutyEvent = z.infer<typeof PagerDutyEvent>;

/** A V3 event, or a `problem` that tells the sender what is wrong with the body. */
export type ReadBody = { ok: true; event: PagerDutyEvent } | { ok: false; problem: string };

const REQUIRED = ["event_type", "resource_type", "id", "occurred_at"] as const;

const isName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= MAX_NAME_CHARS;

/** An id of the form that PagerDuty uses. `Id` accepts more characters. */
const isPlainId = (value: unknown): value is string =>
  typeof value === "string" && /^[A-Za-z0-9_-]{1,200}$/.test(value);

/**
 * Parses an ordinary event faster than the schema `PagerDutyEvent`. Returns null for any other body. Speed matters,
 * because each webhook is parsed twice: at the edge and in the tenant's object.
 */
function plainEvent(json: unknown): PagerDutyEvent | null {
  if (!isRecord(json) || !isRecord(json["event"])) return null;
  const { id, event_type, resource_type, occurred_at, agent, data } = json["event"];
  if (!isPlainId(id) || !isName(event_type) || !isName(resource_type)) return null;
  if (typeof occurred_at !== "string" || !ISO_WITH_ZONE.test(occurred_at)) return null;
  if (!isInRange(Date.parse(occurred_at))) return null;
  return {
    id,
    event_type,
    resource_type,
    occurred_at,
    agent,
    data: isRecord(data) ? data : null,
  };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Parses a raw webhook body. Invalid UTF-8 counts as not JSON. */
export function readBody(body: Uint8Array): ReadBody {
  let json: unknown;
  try {
    json = JSON.parse(UTF8.decode(body));
  } catch {
    return { ok: false, problem: "The body is not JSON" };
  }
  const plain = plainEvent(json);
  if (plain) return { ok: true, event: plain };
  const envelope = z.object({ event: z.record(z.string(), z.unknown()) }).safeParse(json);
  if (!envelope.success) return { ok: false, problem: "Missing 'event' field in V3 webhook" };
  const { event } = envelope.data;
  const missing = REQUIRED.find((field) => typeof event[field] !== "string" || event[field] === "");
  if (missing) return { ok: false, problem: `Missing '${missing}' in event` };
  const parsed = PagerDutyEvent.safeParse(event);
  if (parsed.success) return { ok: true, event: parsed.data };
  const [issue] = parsed.error.issues;
  return {
    ok: false,
    problem: `'${issue?.path.join(".") ?? "event"}' in event: ${issue?.message ?? "invalid"}`,
  };
}

export type Effect =
  | { kind: "incident"; incidentId: string; data: IncidentData }
  | { kind: "fields"; incidentId: string; fields: FieldValues }
  /** The event only adds a line to the incident's timeline, for example a note or a task. */
  | { kind: "timeline"; incidentId: string }
  /** The event is only recorded in the event log. */
  | { kind: "none"; incidentId: null; reason: string };

const IncidentReference = z.object({ incident: z.object({ id: Id }) });

/** `data` of `incident.role.assigned`. Each assignment names the incident. */
export const RoleAssignments = z.object({
  incident_role_assignments: z.array(z.extend(IncidentReference, { role: Reference, assignee: Reference })),
});

const none = (reason: string): Effect => ({ kind: "none", incidentId: null, reason });

/**
 * Whether a few members of `data` already show that the event is used. If not, the caller parses all of `data` with
 * `effectOf`, which is slower.
 */
function namesIncident({ type, id, incident, custom_fields }: Record<string, unknown>): boolean {
  if (type === "incident") return isPlainId(id);
  const hasFields = type !== "incident_field_values" || Array.isArray(custom_fields);
  return hasFields && isRecord(incident) && isPlainId(incident["id"]);
}

/** Returns the reason why an event is only recorded; null for an event that is used. */
export function reasonNotUsed(event: PagerDutyEvent): string | null {
  if (event.event_type.startsWith("incident.") && namesIncident(event.data ?? {})) return null;
  const effect = effectOf(event);
  return effect.kind === "none" ? effect.reason : null;
}

/** The status that an event's type implies, for an incident without `status`. */
const STATUS_OF_EVENT: Record<string, string> = {
  "incident.acknowledged": "acknowledged",
  "incident.resolved": "resolved",
};

/**
 * Derives an event's effect from `data.type`. PagerDuty recommends this, because it may add event types at any time.
 */
export function effectOf(event: PagerDutyEvent): Effect {
  if (event.event_type === "pagey.ping") return none("PagerDuty's test event");
  if (!event.event_type.startsWith("incident.")) {
    return none(`${event.resource_type} events are recorded, not used`);
  }
  const data = event.data ?? {};
  if (data["type"] === "incident") {
    const incident = IncidentData.safeParse(data);
    if (incident.success) {
      const status = incident.data.status || STATUS_OF_EVENT[event.event_type] || null;
      return { kind: "incident", incidentId: incident.data.id, data: { ...incident.data, status } };
    }
    return none("The event's incident does not have the shape that PagerDuty documents");
  }
  if (data["type"] === "incident_field_values") {
    const values = FieldValuesData.safeParse(data);
    if (!values.success) {
      return none("The event's custom fields do not have the shape that PagerDuty documents");
    }
    return { kind: "fields", incidentId: values.data.incident.id, fields: values.data.custom_fields };
  }
  const reference = IncidentReference.safeParse(data);
  const roles = RoleAssignments.safeParse(data);
  const incidentId = reference.data?.incident.id ?? roles.data?.incident_role_assignments[0]?.incident.id;
  return incidentId === undefined
    ? none(`${event.event_type} names no incident`)
    : { kind: "timeline", incidentId };
}

const NoteData = z.object({
  type: z.literal("incident_note"),
  id: lenient(z.string()),
  content: z.string(),
  /** Whether `content` is only the start of the note. */
  trimmed: lenient(z.boolean()),
});

/** The note of `incident.annotated`; null for any other event. */
export function annotatedNoteOf({ data }: PagerDutyEvent) {
  const note = NoteData.safeParse(data);
  if (!note.success) return null;
  const { id, content, trimmed } = note.data;
  return { id: id ?? null, text: content, isTrimmed: trimmed === true };
}
