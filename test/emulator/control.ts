import * as z from "zod";
import type { Account } from "./account.ts";
import type { Incident } from "./incident.ts";
import { incidentResource } from "./incident-resource.ts";
import { type Call, jsonReply, type Reply, textReply } from "./listener.ts";

/** Paths below this path belong to the emulator, not to PagerDuty's API. */
export const CONTROL_PATH = "/_emulator";

const NewIncident = z.strictObject({
  title: z.string().optional(),
  urgency: z.enum(["high", "low"]).optional(),
  priority: z.string().nullable().optional(),
});
const FieldChange = z.strictObject({ name: z.string().min(1), value: z.unknown() });

const ACTIONS: Record<string, (incident: Incident) => unknown> = {
  acknowledge: (incident) => incident.acknowledge(),
  resolve: (incident) => incident.resolve(),
  reopen: (incident) => incident.reopen(),
  escalate: (incident) => incident.escalate(),
};

function help(apiUrl: string): string {
  const post = `curl -X POST ${apiUrl}${CONTROL_PATH}/incidents`;
  return `A PagerDuty to play with. It acts on its first account.

  ${post} -d '{"title": "Checkout is slow", "urgency": "high", "priority": "P1"}'
  ${post}/<id>/acknowledge
  ${post}/<id>/escalate
  ${post}/<id>/field -d '{"name": "runbook_link", "value": "https://example.com/runbook.md"}'
  ${post}/<id>/resolve
  ${post}/<id>/reopen

  curl -X POST ${apiUrl}${CONTROL_PATH}/webhooks/disable
  curl -X POST ${apiUrl}${CONTROL_PATH}/webhooks/enable
`;
}

function problem(status: number, message: string): Reply {
  return jsonReply(status, { error: message });
}

function jsonOf(body: string): unknown {
  try {
    return body === "" ? {} : JSON.parse(body);
  } catch {
    return undefined;
  }
}

function switchWebhooks(account: Account | undefined, action: string | undefined): Reply {
  if (account === undefined) return problem(409, "there is no account yet");
  if (action !== "disable" && action !== "enable") return problem(404, "see GET /_emulator");
  for (const subscription of account.subscriptions.values()) subscription.active = action === "enable";
  return jsonReply(200, { webhooks: account.subscriptions.size, active: action === "enable" });
}

/** Answers calls below `CONTROL_PATH`. These calls create and change incidents, and disable or enable webhooks. */
export function answerControl(call: Call, account: Account | undefined, apiUrl: string): Reply {
  const [collection, id, action, ...rest] = call.url.pathname.slice(CONTROL_PATH.length + 1).split("/");
  if (call.method === "GET" && collection === "") return textReply(200, help(apiUrl));
  if (call.method === "POST" && collection === "webhooks" && rest.length === 0 && action === undefined) {
    return switchWebhooks(account, id);
  }
  if (call.method !== "POST" || collection !== "incidents" || rest.length > 0)
    return problem(404, "see GET /_emulator");
  if (account === undefined) return problem(409, "there is no account yet");
  const body = jsonOf(call.body);
  if (id === undefined) {
    const options = NewIncident.safeParse(body);
    if (!options.success) return problem(400, z.prettifyError(options.error));
    return jsonReply(201, { incident: incidentResource(account.trigger(options.data)) });
  }
  const incident = account.incidents.get(id);
  if (incident === undefined) return problem(404, `there is no incident ${id}`);
  if (action === "field") {
    const field = FieldChange.safeParse(body);
    if (!field.success) return problem(400, z.prettifyError(field.error));
    incident.setField(field.data.name, field.data.value ?? null);
  } else {
    const act = Object.hasOwn(ACTIONS, action ?? "") ? ACTIONS[action ?? ""] : undefined;
    if (act === undefined) return problem(404, "see GET /_emulator");
    act(incident);
  }
  return jsonReply(200, { incident: incidentResource(incident) });
}
