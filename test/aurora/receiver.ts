import { Webhook } from "standardwebhooks";
import * as z from "zod";
import { type Call, jsonReply, type Reply } from "../emulator/listener.ts";
import { header } from "./connection-api.ts";
import type { TaskContext } from "./task/context.ts";
import { processEvent } from "./task/event-task.ts";
import { FIELD_EVENT, readFieldUpdate } from "./task/field-task.ts";
import { isTrue } from "./task/python.ts";
import { MONITORED_EVENTS } from "./webhook-route.ts";

/**
 * `POST /edge/events`: the receiver that this project runs beside Aurora (aurora/receiver.py). It works each event in
 * place, so that its answer says what Aurora's tables hold.
 */

export const EVENTS_PATH = "/edge/events";
/** In seconds: how soon the sender may try again while another call has the lock. */
const RETRY_AFTER_SECONDS = "5";

const SignedEvent = z.object({
  event: z
    .record(z.string(), z.json())
    .and(z.object({ id: z.string().min(1), event_type: z.string(), data: z.record(z.string(), z.json()) })),
  aurora: z.object({ user_id: z.string().min(1), org_id: z.nullable(z.string()) }),
});
type SignedEvent = z.infer<typeof SignedEvent>;

export class Receiver {
  /** Redis does not answer: nothing is worked. */
  isRedisAway = false;
  /** The next event's call is cut, and its lock stays: before Aurora's task ran, or after it. */
  killNext: "before_work" | "after_work" | null = null;
  readonly #context: TaskContext;
  readonly #webhooks: readonly Webhook[];
  readonly #locked = new Set<string>();
  readonly #done = new Set<string>();

  /** @param secrets each `whsec_` and base64; any of them may sign */
  constructor(context: TaskContext, secrets: readonly string[]) {
    this.#context = context;
    this.#webhooks = secrets.map((secret) => new Webhook(secret));
  }

  async answer(call: Call): Promise<Reply | "reset"> {
    if (call.method !== "POST") return problem(405, "method_not_allowed", "Events are sent with POST");
    if (!this.#isSigned(call))
      return problem(401, "invalid_signature", "The signature is missing, wrong or old");
    const body = readEvent(call.body);
    if (body === null) return problem(400, "invalid_event", "The body holds no V3 event for an Aurora user");
    return refuse(this.#context, body) ?? (await this.#workOnce(header(call, "webhook-id") ?? "", body));
  }

  /** Lets every lock run out, as Redis does some time after a receiver was killed. */
  expireLocks(): void {
    this.#locked.clear();
  }

  /** Forgets locks, ids and faults. */
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
    if (this.isRedisAway) return busy("redis_unavailable", "Redis does not answer");
    if (this.#done.has(webhookId)) return jsonReply(200, { received: true, reason: "already worked" });
    if (this.#locked.has(webhookId)) return busy("in_progress", "Another call works this event");
    this.#locked.add(webhookId);
    const kill = this.killNext;
    this.killNext = null;
    if (kill === "before_work") return "reset";
    const reply = await this.#work(body);
    if (kill === "after_work") return "reset";
    if (reply.status === 200) this.#done.add(webhookId);
    this.#locked.delete(webhookId);
    return reply;
  }

  async #work({ event, aurora }: SignedEvent): Promise<Reply> {
    try {
      await processEvent(this.#context, aurora.user_id, { event });
    } catch (error) {
      return busy("task_failed", `Aurora's task failed: ${error instanceof Error ? error.message : error}`);
    }
    const reason = skipReason(event);
    if (reason !== null) return jsonReply(200, { received: true, reason });
    const { events } = this.#context.tables;
    const isStored = events.some(
      (row) => row.userId === aurora.user_id && eventIdOf(row.payload) === event.id,
    );
    return isStored
      ? jsonReply(200, { received: true })
      : busy("not_stored", "Aurora did not store the event");
  }
}

/** What no retry can put right. */
function refuse({ directory }: TaskContext, { event, aurora }: SignedEvent): Reply | null {
  if (aurora.org_id !== null && directory.organisationOf(aurora.user_id) !== aurora.org_id) {
    return problem(409, "user_left_organisation", "The user is no member of this organisation any more");
  }
  if (event.event_type !== FIELD_EVENT && !Number.isInteger(event.data["number"])) {
    return problem(422, "number_missing", "An incident event needs an integer number");
  }
  return null;
}

/** The events of which Aurora's task stores nothing by rule. Null: it stores this one. */
function skipReason({ event_type, data }: SignedEvent["event"]): string | null {
  if (!MONITORED_EVENTS.includes(event_type)) return "event type not monitored";
  return event_type === FIELD_EVENT && !isTrue(readFieldUpdate(data)) ? "no field has a value" : null;
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

function busy(code: string, error: string): Reply {
  return jsonReply(503, { error, code }, { "retry-after": RETRY_AFTER_SECONDS });
}

function problem(status: number, code: string, error: string): Reply {
  return jsonReply(status, { error, code });
}
