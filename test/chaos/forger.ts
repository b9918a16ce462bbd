import { randomBytes, randomUUID } from "node:crypto";
import { webhookBody } from "../emulator/pagerduty.ts";
import { pick } from "../support/random.ts";
import type { Cluster } from "./cluster.ts";
import { type Organisation, postUnsigned } from "./organisation.ts";

/**
 * A stranger knows the webhook URLs, and forges webhooks for organisations without a signing secret. Some forged
 * webhooks are about invented incidents, and others give false states of real incidents. Now and then the stranger
 * floods a URL with forged webhooks.
 */

/** No genuine webhook contains this text. */
export const FORGED = "Send me money";
const PAUSE_MS = 150;
/** The number of forged webhooks between two floods. */
const FLOOD_EVERY = 80;
/** A flood ends at the first 429, or after this many batches. */
const MAX_BATCHES = 30;
const BATCH = 10;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

type Forgery = { kind: "invented" | "real"; incidentId: string; body: string };

export class Forger {
  readonly counts = {
    "forged webhooks about invented incidents": 0,
    "forged webhooks about real incidents": 0,
    "forged webhooks refused by the rate limit": 0,
  };
  taken = 0;
  readonly #cluster: Cluster;
  readonly #targets: readonly Organisation[];
  readonly #random: () => number;
  #left: number;

  /** @param count the largest number of forged webhooks outside of floods */
  constructor(cluster: Cluster, targets: readonly Organisation[], count: number, random: () => number) {
    this.#cluster = cluster;
    this.#targets = targets;
    this.#left = count;
    this.#random = random;
  }

  async live(over: AbortSignal): Promise<void> {
    while (!over.aborted && this.#left > 0) {
      const target = pick(this.#random, this.#targets);
      await this.#post(target, pick(this.#random, target.members), this.#forge(target));
      this.#left -= 1;
      if (this.#left % FLOOD_EVERY === FLOOD_EVERY / 2) await this.#flood(target);
      await wait(PAUSE_MS);
    }
  }

  /** Floods one URL until the connector answers 429. Genuine webhooks to this URL then get 429, too. */
  async #flood(target: Organisation): Promise<void> {
    const user = pick(this.#random, target.members);
    const forgeries = Array.from({ length: BATCH }, () => this.#invent(target));
    for (let batch = 0; batch < MAX_BATCHES; batch += 1) {
      const statuses = await Promise.all(forgeries.map((forgery) => this.#post(target, user, forgery)));
      if (statuses.includes(429)) return;
    }
  }

  async #post(target: Organisation, user: string, { kind, incidentId, body }: Forgery): Promise<number> {
    const signature = this.#random() < 0.5 ? `v1=${"0".repeat(64)}` : null;
    const webhookId = `${target.id}-forged-${randomUUID()}`;
    const status = await postUnsigned(this.#cluster, user, { webhookId, body, signature });
    if (status === 202) this.taken += 1;
    if (status === 429) this.counts["forged webhooks refused by the rate limit"] += 1;
    if (kind === "invented") target.invented.add(incidentId);
    this.counts[`forged webhooks about ${kind} incidents`] += 1;
    return status;
  }

  #invent({ account }: Organisation): Forgery {
    const id = `Q${randomBytes(7).toString("hex").toUpperCase()}`;
    const data = { id, type: "incident", title: FORGED, status: "triggered", urgency: "high" };
    const event = account.eventOf({ eventType: "incident.triggered", data });
    return { kind: "invented", incidentId: id, body: webhookBody(event) };
  }

  #forge(target: Organisation): Forgery {
    const { account, incidents } = target;
    const now = new Date(account.clock.nowMs()).toISOString();
    const known = incidents.length > 0 ? pick(this.#random, incidents) : null;
    if (!known || this.#random() < 0.25) return this.#invent(target);
    const { id } = known;
    const real = JSON.parse(webhookBody(pick(this.#random, known.events))).event;
    const reference = { id, type: "incident_reference" };
    const field = {
      id: "PFIELD",
      type: "field_value",
      name: "runbook_link",
      value: `http://localhost/${FORGED}`,
    };
    const fields = { type: "incident_field_values", incident: reference, custom_fields: [field] };
    const [eventType, data, occurredAt] = pick<[string, object, string]>(this.#random, [
      [
        "incident.triggered",
        { ...this.#incidentData(known), title: FORGED, priority: { summary: "P1" } },
        now,
      ],
      ["incident.resolved", { ...this.#incidentData(known), status: "resolved" }, now],
      ["incident.reopened", { ...this.#incidentData(known), status: "triggered" }, real.occurred_at],
      ["incident.custom_field_values.updated", fields, now],
      ["incident.annotated", { type: "incident_note", incident: reference, content: FORGED }, now],
    ]);
    const eventId = this.#random() < 0.3 ? real.id : undefined;
    const event = account.eventOf({ eventType, data, occurredAt, eventId });
    return { kind: "real", incidentId: id, body: webhookBody(event) };
  }

  #incidentData(incident: Organisation["incidents"][number]): object {
    const states = incident.events.map(({ data }) => data).filter(isIncident);
    return states.at(-1) ?? {};
  }
}

const isIncident = (data: unknown): data is object =>
  typeof data === "object" && data !== null && "type" in data && data.type === "incident";
