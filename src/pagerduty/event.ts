import * as z from "zod/mini";
import { FieldValue } from "../incidents/incident.ts";

/**
 * PagerDuty's V3 webhook body: one event. Only what is used is parsed, everything else may come and go.
 * https://developer.pagerduty.com/docs/webhooks-overview
 */

/** A field that we can do without: one of an unexpected shape counts as absent, so no incident is lost to it. */
export const lenient = <T>(schema: z.ZodMiniType<T>) => z.catch(z.nullish(schema), null);

export const Reference = lenient(
  z.object({
    id: lenient(z.string()),
    summary: lenient(z.string()),
    name: lenient(z.string()),
  }),
);

export type Reference = z.infer<typeof Reference>;

const ISO_WITH_ZONE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
/** 1 January of the year 1, and the end of the last year that ISO 8601 writes with four digits. */
const MIN_MS = Date.parse("0001-01-01T00:00:00Z");
const MAX_MS = Date.parse("9999-12-31T00:00:00Z");

/** False for NaN, too. */
const isInRange = (atMs: number) => atMs >= MIN_MS && atMs <= MAX_MS;

/** A time as it came where it is ISO 8601 with its zone, which Aurora takes, else brought to that form. */
export const Time = z.pipe(
  z.string().check(z.refine((value) => isInRange(Date.parse(value)), { error: "not a date" })),
  z.transform((value: string) => (ISO_WITH_ZONE.test(value) ? value : new Date(value).toISOString())),
);

/**
 * An id. It becomes a key in the storage and part of a path, so it must come out of both as it went in: no half
 * of a surrogate pair, nothing invisible, no path of its own.
 */
const Id = z
  .string()
  .check(
    z.refine((id) => /^[^\p{C}\p{Z}]{1,200}$/u.test(id) && !/^\.{1,2}$/.test(id), { error: "not an id" }),
  );

/** Of a type's name; PagerDuty's longest has some 40. */
const MAX_NAME_CHARS = 200;
const Name = z
  .string()
  .check(
    z.minLength(1, "is empty"),
    z.maxLength(MAX_NAME_CHARS, `is longer than ${MAX_NAME_CHARS} characters`),
  );

/** What is no address of a page is no link. */
const Link = z.string().check(z.refine((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? "")));

/** `data` of the incident events: the whole incident, as it was when the event occurred. */
export const IncidentData = z.object({
  id: Id,
  type: z.literal("incident"),
  number: lenient(z.number()),
  title: lenient(z.string()),
  status: lenient(z.string()),
  urgency: lenient(z.string()),
  priority: Reference,
  service: Reference,
  assignees: lenient(z.array(Reference)),
  /** REST's name for the assignees. */
  assignments: lenient(z.array(lenient(z.object({ assignee: Reference })))),
  teams: lenient(z.array(Reference)),
  escalation_policy: Reference,
  html_url: lenient(Link),
  incident_key: lenient(z.string()),
  created_at: lenient(Time),
  body: lenient(z.object({ details: lenient(z.string()) })),
  /** `merge_resolve_reason` where it was merged into another incident. */
  resolve_reason: lenient(z.object({ type: lenient(z.string()), incident: Reference })),
});
export type IncidentData = z.infer<typeof IncidentData>;

const NamedValue = z.object({ name: z.string(), value: FieldValue });

/** Custom fields by name, with the values they have now. One of another shape costs nothing but itself. */
export const FieldValues = z.pipe(
  z.array(z.unknown()),
  z.transform((fields: unknown[]) =>
    fields.flatMap((field) => {
      const parsed = NamedValue.safeParse(field);
      return parsed.success ? [parsed.data] : [];
    }),
  ),
);
export type FieldValues = z.infer<typeof FieldValues>;

/** `data` of `incident.custom_field_values.updated`. `changed_custom_fields` holds the OLD values: not read. */
const FieldValuesData = z.object({
  type: z.literal("incident_field_values"),
  incident: z.object({ id: Id }),
  custom_fields: FieldValues,
});

/** `data` of everything else: notes, responders, tasks, services, types yet to come. */
const OtherData = z.record(z.string(), z.unknown());

export const PagerDutyEvent = z.object({
  id: Id,
  event_type: Name,
  resource_type: Name,
  occurred_at: Time,
  data: lenient(OtherData),
});
export type PagerDutyEvent = z.infer<typeof PagerDutyEvent>;

/** A body, read: a V3 event, or what is wrong with it in words for the sender. */
export type ReadBody = { ok: true; event: PagerDutyEvent } | { ok: false; problem: string };

const REQUIRED = ["event_type", "resource_type", "id", "occurred_at"] as const;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= MAX_NAME_CHARS;

/** An id as PagerDuty makes them; what else `Id` allows is left to `Id`. */
const isPlainId = (value: unknown): value is string =>
  typeof value === "string" && /^[A-Za-z0-9_-]{1,200}$/.test(value);

/**
 * The event where all is well, which is nearly always; null where `PagerDutyEvent` has to say what is wrong.
 * Every webhook is read at the edge and again in the user's object, so the schema's cost counts twice.
 */
function plainEvent(json: unknown): PagerDutyEvent | null {
  if (!isRecord(json) || !isRecord(json["event"])) return null;
  const { id, event_type, resource_type, occurred_at, data } = json["event"];
  if (!isPlainId(id) || !isName(event_type) || !isName(resource_type)) return null;
  if (typeof occurred_at !== "string" || !ISO_WITH_ZONE.test(occurred_at)) return null;
  if (!isInRange(Date.parse(occurred_at))) return null;
  return { id, event_type, resource_type, occurred_at, data: isRecord(data) ? data : null };
}

/** Reads a raw webhook body. Invalid UTF-8 is not JSON. */
export function readBody(body: Uint8Array): ReadBody {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(body));
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

/** What an event means for an incident. */
export type Effect =
  | { kind: "incident"; incidentId: string; data: IncidentData }
  | { kind: "fields"; incidentId: string; fields: FieldValues }
  /** On an incident, but only for its timeline: notes, responders, tasks and the like. */
  | { kind: "timeline"; incidentId: string }
  /** Recorded and left. */
  | { kind: "none"; incidentId: null; reason: string };

const IncidentReference = z.object({ incident: z.object({ id: Id }) });

const none = (reason: string): Effect => ({ kind: "none", incidentId: null, reason });

/** In words, why nothing but a record is made of an event; null for one that is used. */
export function reasonNotUsed(event: PagerDutyEvent): string | null {
  // As `effectOf` would say, which reads all of the incident to say it.
  if (
    event.event_type.startsWith("incident.") &&
    event.data?.["type"] === "incident" &&
    isPlainId(event.data["id"])
  )
    return null;
  const effect = effectOf(event);
  return effect.kind === "none" ? effect.reason : null;
}

/** What the incident's status is after an event, where the incident in it does not say. */
const STATUS_OF_EVENT: Record<string, string> = {
  "incident.acknowledged": "acknowledged",
  "incident.resolved": "resolved",
};

/** Decides by `data.type`, as PagerDuty says, because event types can be added at any time. */
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
    return none("The incident in it has another shape than PagerDuty documents");
  }
  if (data["type"] === "incident_field_values") {
    const values = FieldValuesData.safeParse(data);
    if (!values.success) return none("The custom fields in it have another shape than PagerDuty documents");
    return { kind: "fields", incidentId: values.data.incident.id, fields: values.data.custom_fields };
  }
  const reference = IncidentReference.safeParse(data);
  if (!reference.success) return none(`${event.event_type} names no incident`);
  return { kind: "timeline", incidentId: reference.data.incident.id };
}
