import { type Call, jsonReply, type Reply } from "../emulator/listener.ts";
import { header } from "./connection-api.ts";
import type { Json } from "./prompt/jsonb.ts";
import type { TaskContext } from "./task/context.ts";
import { processEvent } from "./task/event-task.ts";
import { FIELD_EVENT } from "./task/field-task.ts";
import { get, isDict, isTrue } from "./task/python.ts";

/** `POST /pagerduty/webhook/<user_id>`: `webhook` in server/routes/pagerduty/pagerduty_routes.py. */

export const WEBHOOK_PATH = "/pagerduty/webhook/";
export const MONITORED_EVENTS: readonly string[] = [
  "incident.triggered",
  "incident.acknowledged",
  "incident.resolved",
  FIELD_EVENT,
];

/** The retries of `process_pagerduty_event`. */
const RETRIES = { maxRetries: 3, retryDelayMs: 30_000 };

/** Answers as soon as the event is queued. Checks no signature, and does not detect duplicates. */
export function answerWebhook(context: TaskContext, call: Call): Reply {
  const { directory, tables, workers } = context;
  const userId = decodeURIComponent(call.url.pathname.slice(WEBHOOK_PATH.length));
  if (directory.credentialFor(userId, organisationOf(context, userId, call)) === null) {
    return jsonReply(404, { error: "PagerDuty not connected for this user" });
  }
  const payload = bodyOf(call);
  const problem = problemOf(payload);
  if (problem !== null) return jsonReply(400, { error: problem });
  const event = get(payload, "event");
  const eventType = get(event, "event_type");
  const data = get(event, "data", {});
  const incidentId = isDict(data) ? String(get(data, "id")) : null;
  const ignored = (reason: string) => {
    tables.drops.push({
      userId,
      eventType: String(eventType),
      incidentId,
      reason: "not_monitored",
      detail: reason,
    });
    return jsonReply(200, { received: true, reason });
  };
  if (get(event, "resource_type") !== "incident") return ignored("non-incident event");
  if (typeof eventType !== "string" || !MONITORED_EVENTS.includes(eventType)) {
    return ignored("event type not monitored");
  }
  workers.add({
    ...RETRIES,
    run: () => processEvent(context, userId, payload),
    lost: (error) =>
      tables.drops.push({ userId, eventType, incidentId, reason: "failed", detail: String(error) }),
  });
  return jsonReply(200, { received: true });
}

/** `resolve_org_id`: the headers override the database, although nothing authenticates them here. */
function organisationOf({ directory }: TaskContext, userId: string, call: Call): string | null {
  const named = header(call, "x-org-id");
  const caller = header(call, "x-user-id");
  return named ?? directory.organisationOf(caller ?? "") ?? directory.organisationOf(userId);
}

function bodyOf(call: Call): Json {
  const type = header(call, "content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (!/^application\/(?:json|.+\+json)$/.test(type)) return {};
  try {
    const body: Json = JSON.parse(call.body);
    return isTrue(body) ? body : {};
  } catch {
    return {};
  }
}

/** `_validate_v3_webhook` */
function problemOf(payload: Json): string | null {
  if (!isDict(payload)) return "Payload must be a JSON object";
  if (!Object.hasOwn(payload, "event")) return "Missing 'event' field in V3 webhook";
  const event = payload["event"] ?? null;
  if (!isDict(event)) return "'event' must be an object";
  if (!Object.hasOwn(event, "event_type")) return "Missing 'event_type' in event";
  return Object.hasOwn(event, "resource_type") ? null : "Missing 'resource_type' in event";
}
