import { Webhook } from "standardwebhooks";
import * as z from "zod";
import { type Call, jsonReply, type Reply } from "../emulator/listener.ts";
import { header } from "./connection-api.ts";
import type { TaskContext } from "./task/context.ts";
import { processEvent } from "./task/event-task.ts";
import { FIELD_EVENT } from "./task/field-task.ts";
import { isDict, isTrue } from "./task/python.ts";
import { MONITORED_EVENTS } from "./webhook-route.ts";

/**
 * `POST /edge/events`: the receiver that this project runs beside Aurora (aurora/receiver.py). It processes each
 * event before it answers. A 200 means that the event is in Aurora's tables, or that Aurora's rules skip it.
 */

export const EVENTS_PATH = "/edge/events";
const IN_PROGRESS_RETRY_SECONDS = "5";
const BODY_BYTES = 1024 * 1024;
/** The largest number that Aurora's integer column can hold. */
const LARGEST_NUMBER = 2 ** 31 - 1;

const Text = z.string().min(1);
const SignedEvent = z.object({
  event: z.object({ id: Text, event_type: Text, data: z.record(z.string(), z.json()) }).catchall(z.json()),
  aurora: z.object({ user_id: Text, org_id: z.nullable(z.string()) }),
});
type SignedEvent = z.infer<typeof SignedEvent>;

export class Receiver {
  isRedisAway = false;
  /** Kills the receiver during its next event: the connection breaks, and the event's lock stays. */
  killNext: "before_work" | "after_work" | null = null;
  readonly #context: TaskContext;
  readonly #webhooks: readonly Webhook[];
  readonly #locked = new Set<string>();
  readonly #done = new Set<string>();

  /** @param secrets each is `whsec_` and base64; a signature made with any of them is valid */
  constructor(context: TaskContext, secrets: readonly string[]) {
    this.#context = context;
    this.#webhooks = secrets.map((secret) => new Webhook(secret));
  }

  async answer(call: Call): Promise<Reply | "reset"> {
    if (call.method !== "POST") return problem(405, "method_not_allowed", "Events are sent with POST.");
    if (Buffer.byteLength(call.body) > BODY_BYTES)
      return problem(413, "body_too_large", "The body is too large.");
    if (!this.#isSigned(call))
      return problem(401, "invalid_signature", "The signature is missing, wrong or old.");
    const body = readEvent(call.body);
    if (body === null) return problem(400, "invalid_event", "The body is not a V3 event for an Aurora user.");
    const reason = skipReason(body.event);
    if (reason !== null) return jsonReply(200, { received: true, reason });
    if (!hasNumber(body.event)) return problem(422, "missing_number", "The incident has no integer number.");
    return await this.#workOnce(header(call, "webhook-id") ?? "", body);
  }

  expireLocks(): void {
    this.#locked.clear();
  }

  clear(): void {
    this.expireLocks();
    this.#done.clear();
    this.isRedisAway = false;
    this.killNext = null;
  }

  #isSigned(call: Call): boolean {
    const headers = Object.fromEntries(
      ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [
        name,
        header(call, name) ?? "",
      ]),
    );
    return this.#webhooks.some((webhook) => {
      try {
        webhook.verify(call.body, headers, { jsonParse: false });
        return true;
      } catch {
        return false;
      }
    });
  }

  async #workOnce(webhookId: string, body: SignedEvent): Promise<Reply | "reset"> {
    if (this.isRedisAway) return problem(503, "redis_unavailable", "Aurora's Redis does not answer.");
    if (this.#locked.has(webhookId)) {
      const inProgress = problem(503, "in_progress", "Another call is processing this event.");
      return { ...inProgress, headers: { ...inProgress.headers, "retry-after": IN_PROGRESS_RETRY_SECONDS } };
    }
    if (this.#done.has(webhookId)) return jsonReply(200, { received: true, reason: "already processed" });
    const kill = this.killNext;
    this.killNext = null;
    this.#locked.add(webhookId);
    if (kill === "before_work") return "reset";
    const reply = await this.#process(body);
    if (kill === "after_work") return "reset";
    if (reply.status === 200) this.#done.add(webhookId);
    this.#locked.delete(webhookId);
    return reply;
  }

  async #process({ event, aurora }: SignedEvent): Promise<Reply> {
    const { directory, tables } = this.#context;
    if (aurora.org_id !== null && directory.organisationOf(aurora.user_id) !== aurora.org_id) {
      const error =
        "The user is not in this organisation: another member of it must connect PagerDuty again.";
      return problem(409, "user_left_organisation", error);
    }
    const before = tables.events.length;
    try {
      await processEvent(this.#context, aurora.user_id, { event });
    } catch (error) {
      return problem(
        503,
        "aurora_failed",
        `Aurora's code failed: ${error instanceof Error ? error.message : error}`,
      );
    }
    // Only a row with this event's id counts, because other events can be stored at the same time.
    const isStored = tables.events
      .slice(before)
      .some((row) => row.userId === aurora.user_id && eventIdOf(row.payload) === event.id);
    if (isStored) return jsonReply(200, { received: true });
    return problem(503, "event_not_stored", "Aurora's task returned without storing the event.");
  }
}

function skipReason({ resource_type, event_type, data }: SignedEvent["event"]): string | null {
  if (resource_type !== "incident") return "non-incident event";
  if (!MONITORED_EVENTS.includes(event_type)) return "event type not monitored";
  return event_type === FIELD_EVENT && !hasFieldValue(data) ? "no custom field with a value" : null;
}

function hasFieldValue(data: SignedEvent["event"]["data"]): boolean {
  const fields = data["custom_fields"];
  if (!Array.isArray(fields)) return false;
  return fields.some(
    (field) => isDict(field) && isTrue(field["name"] ?? null) && isTrue(field["value"] ?? null),
  );
}

function hasNumber({ event_type, data }: SignedEvent["event"]): boolean {
  const number = data["number"];
  const isNumber =
    typeof number === "number" && Number.isInteger(number) && number > 0 && number <= LARGEST_NUMBER;
  return event_type === FIELD_EVENT || isNumber;
}

function eventIdOf(payload: unknown): string | null {
  const stored = z.object({ event: z.object({ id: z.string() }) }).safeParse(payload);
  return stored.success ? stored.data.event.id : null;
}

function readEvent(text: string): SignedEvent | null {
  try {
    return SignedEvent.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

function problem(status: number, code: string, error: string): Reply {
  return jsonReply(status, { error, code });
}
