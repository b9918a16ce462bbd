import { randomUUID } from "node:crypto";
import { Webhook } from "standardwebhooks";
import type { Json } from "./prompt/jsonb.ts";
import type { TodaysAurora } from "./todays-aurora.ts";

/** Makes the calls that Aurora gets from its UI server, from a sender of webhooks, and from the connector. */

export const ACME = "0ac3e000-0000-4000-8000-000000000001";
export const ADA = "0ada0000-0000-4000-8000-000000000001";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** Returns a V3 event. `data` overrides members of the incident. */
export function incidentEvent(action: string, data: { [key: string]: Json } = {}): { [key: string]: Json } {
  const incident = {
    id: "PGR0VU2",
    type: "incident",
    number: 2,
    status: action === "triggered" || action === "acknowledged" ? action : "resolved",
    title: "API latency above 2 s",
    urgency: "high",
    service: "API Service",
    ...data,
  };
  return { id: randomUUID(), event_type: `incident.${action}`, resource_type: "incident", data: incident };
}

export function fieldEvent(
  fields: { [name: string]: Json },
  incidentId = "PGR0VU2",
): { [key: string]: Json } {
  return {
    id: randomUUID(),
    event_type: "incident.custom_field_values.updated",
    resource_type: "incident",
    data: {
      type: "incident_field_values",
      incident: { id: incidentId, type: "incident_reference" },
      custom_fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
    },
  };
}

/** Makes a call as Aurora's UI server does. @param headers are added to the usual headers, and override them */
export function callAs(
  aurora: TodaysAurora,
  userId: string,
  method: string,
  path: string,
  body?: Json,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return exchange(aurora.url + path, {
    method,
    headers: { "x-internal-secret": aurora.internalSecret, "x-user-id": userId, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

export function postWebhook(aurora: TodaysAurora, userId: string, event: Json): Promise<Answer> {
  return exchange(aurora.webhookUrl.replace("{user_id}", userId), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ event }),
  });
}

export interface SendingOptions {
  aurora?: { user_id: string; org_id: string | null };
  webhookId?: string;
  secret?: string;
  at?: Date;
}

/** Sends a signed event to the receiver. */
export function sendEvent(aurora: TodaysAurora, event: Json, options: SendingOptions = {}): Promise<Answer> {
  const id = options.webhookId ?? randomUUID();
  const at = options.at ?? new Date();
  const body = JSON.stringify({ event, aurora: options.aurora ?? { user_id: ADA, org_id: ACME } });
  return exchange(aurora.eventsUrl, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(options.secret ?? aurora.eventsSecret).sign(id, at, body),
    },
    body,
  });
}

async function exchange(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  const body: Json = isJson ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body };
}
