import { SECOND_MS } from "../incidents/rest-stamp.ts";
import { type Effect, effectOf, type PagerDutyEvent, readBody } from "../pagerduty/event.ts";
import { snapshotOf } from "../pagerduty/observe.ts";
import { MAX_CLAIM_BYTES, MAX_UNCONFIRMED_BYTES } from "../storage/hints.ts";
import type { RestReading } from "../storage/rest-reading.ts";

/** Compares an unsigned webhook with the answer of PagerDuty's REST API about the same incident. Pure. */

/** Shortens a long unsigned body to the part that is stored until the webhook is checked. */
export function claimOf(body: Uint8Array): Uint8Array {
  if (body.byteLength <= MAX_CLAIM_BYTES) return body;
  const claim = condensed(body);
  return claim && claim.byteLength <= MAX_CLAIM_BYTES ? claim : body.slice(0, MAX_UNCONFIRMED_BYTES);
}

/**
 * Returns the members that `agreementOf` compares. Returns null if the body is no event, or is nested too deeply for
 * `JSON.stringify`.
 */
function condensed(body: Uint8Array): Uint8Array | null {
  const read = readBody(body);
  if (!read.ok) return null;
  try {
    return new TextEncoder().encode(JSON.stringify({ event: essenceOf(read.event) }));
  } catch {
    return null;
  }
}

function essenceOf(event: PagerDutyEvent): PagerDutyEvent {
  const effect = effectOf(event);
  const type = event.data?.["type"];
  switch (effect.kind) {
    case "incident":
      return { ...event, data: { ...effect.data } };
    case "fields":
      return { ...event, data: { type, incident: { id: effect.incidentId }, custom_fields: effect.fields } };
    case "timeline":
      return { ...event, data: { type, incident: { id: effect.incidentId } } };
    case "none":
      return { ...event, data: { type } };
  }
}

/**
 * `behind`: PagerDuty's answer is older than the webhook. `unknown`: the custom fields could not be read. `not_shown`:
 * the webhook is about something that PagerDuty's answer never contains, such as a note.
 */
export type Agreement = "agrees" | "disagrees" | "behind" | "unknown" | "not_shown";

/**
 * The statuses may differ if the incident changed after the webhook's event. REST's times are in whole seconds, so a
 * change in the same second counts as later.
 */
export function agreementOf(
  payload: Uint8Array | null,
  reading: RestReading,
  fieldsMissing: boolean,
): Agreement {
  const read = payload ? readBody(payload) : null;
  if (!read?.ok) return "disagrees";
  const effect = effectOf(read.event);
  if (effect.kind === "timeline") return "not_shown";
  if (effect.kind === "none") return "disagrees";
  if (effect.kind === "fields" && fieldsMissing) return "unknown";
  const occurredAtMs = Date.parse(read.event.occurred_at);
  const updatedAtMs = Date.parse(reading.incident.updatedAt ?? "");
  const agrees =
    effect.kind === "fields"
      ? agreesOnFields(effect, reading)
      : agreesOnIncident(effect, reading, updatedAtMs + SECOND_MS > occurredAtMs);
  if (agrees) return "agrees";
  return updatedAtMs + SECOND_MS <= occurredAtMs ? "behind" : "disagrees";
}

/**
 * Whether a webhook is `incident.triggered` and has the same creation time as PagerDuty's answer. The other members may
 * differ, because the incident may have changed later. Returns false if the answer is older than the webhook.
 */
export function isTriggerOf(payload: Uint8Array | null, { incident }: RestReading): boolean {
  const read = payload ? readBody(payload) : null;
  if (!read?.ok || read.event.event_type !== "incident.triggered") return false;
  const effect = effectOf(read.event);
  if (effect.kind !== "incident") return false;
  const createdAtMs = Date.parse(snapshotOf(effect.data).createdAt ?? "");
  const isUpToDate = Date.parse(incident.updatedAt ?? "") + SECOND_MS > Date.parse(read.event.occurred_at);
  return isUpToDate && createdAtMs === Date.parse(incident.snapshot.createdAt ?? "");
}

function agreesOnFields(effect: Extract<Effect, { kind: "fields" }>, { fields }: RestReading): boolean {
  // An event without fields claims nothing that PagerDuty can confirm.
  if (effect.fields.length === 0) return false;
  const now = new Map(fields?.map(({ name, value }) => [name, JSON.stringify(value ?? null)]));
  return effect.fields.every(({ name, value }) => now.get(name) === JSON.stringify(value ?? null));
}

function agreesOnIncident(
  { data }: Extract<Effect, { kind: "incident" }>,
  { incident }: RestReading,
  changedLater: boolean,
): boolean {
  const claimed = snapshotOf(data);
  const read = incident.snapshot;
  return (
    claimed.title === read.title &&
    claimed.service.id === read.service.id &&
    claimed.urgency === read.urgency &&
    claimed.priority === read.priority &&
    (claimed.pagerdutyStatus === read.pagerdutyStatus || changedLater)
  );
}
