import * as z from "zod/mini";
import type { ConnectionStore } from "../connection/store.ts";
import { view } from "../incidents/fold.ts";
import { describe, log } from "../log.ts";
import { entriesAfter, entryAt, newestSeq, outstandingMarks } from "../storage/changes.ts";
import { loadIncident } from "../storage/incidents.ts";
import type { Entry } from "../storage/journal.ts";
import { isSameOrg } from "./connect.ts";
import type { Job, JobSource } from "./job-runner.ts";
import { deliveryView } from "./views.ts";

/**
 * `GET /pagerduty/live`: whoever watches is told of each change of the user's incidents, deliveries and
 * status. What changed is found by comparing with what was told last, so nothing else has to know of it; and
 * while nobody watches it costs nothing. The sockets survive hibernation, what was told last does not: it is
 * taken anew when the object wakes, before anything else runs.
 */

/** A user has a few windows open; more than this is a fault somewhere. */
const MAX_SOCKETS = 32;
/** Told one by one; of more at once only that much happened. */
const MAX_MESSAGES = 100;
const MAX_OUTSTANDING = 200;
/** Close code: the sign-in behind it is over. */
const SIGN_IN_OVER = 4401;

const Attachment = z.object({ orgId: z.nullable(z.string()), untilMs: z.nullable(z.number()) });

interface Told {
  connectionId: string | null;
  seq: number;
  outstanding: Map<number, string>;
  status: string;
}

/** The incident of a message: what a list shows. */
function incidentMessage(sql: SqlStorage, incidentId: string) {
  const incident = view(loadIncident(sql, incidentId));
  if (!incident) return null;
  const { description: _, customFields: __, ...short } = incident;
  return { type: "incident" as const, incident: short };
}

export class Live {
  readonly #ctx: DurableObjectState;
  readonly #store: ConnectionStore;
  /** The user's status as it is now, to be compared. */
  readonly #status: () => unknown;
  #told: Told | null = null;

  constructor(ctx: DurableObjectState, store: ConnectionStore, status: () => unknown) {
    this.#ctx = ctx;
    this.#store = store;
    this.#status = status;
  }

  /** After waking: from here on changes are told. */
  start(): void {
    if (this.#ctx.getWebSockets().length > 0) this.#told = this.#look();
  }

  /** Takes in one who wants to watch. The edge has checked who it is. */
  accept(request: Request): Response {
    const refuse = (status: number, code: string, error: string) =>
      Response.json({ error, code }, { status });
    const orgId = request.headers.get("x-org-id");
    const { connection } = this.#store;
    if (connection && !isSameOrg(connection, { userId: connection.userId, orgId })) {
      return refuse(403, "org_mismatch", "PagerDuty is connected for another organisation of this user.");
    }
    if (this.#ctx.getWebSockets().length >= MAX_SOCKETS) {
      return refuse(429, "rate_limited", `At most ${MAX_SOCKETS} windows can watch at once; close some`);
    }
    this.#told ??= this.#look();
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    this.#ctx.acceptWebSocket(server);
    server.serializeAttachment({ orgId, untilMs: Number(request.headers.get("x-until-ms")) || null });
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Something may have changed: tells what did. Never throws, for nothing may fail for want of a spectator. */
  changed(): void {
    if (this.#ctx.getWebSockets().length === 0) {
      this.#told = null;
      return;
    }
    try {
      const before = this.#told;
      const now = this.#look();
      this.#told = now;
      for (const message of this.#messages(before, now)) this.#send(JSON.stringify(message));
    } catch (error) {
      log.error("live.failed", { userId: this.#store.connection?.userId, error: describe(error) });
    }
  }

  /** The agenda, with a look at what each of its jobs changed. */
  watch(jobs: JobSource): JobSource {
    const watched = (job: Job): Job => ({
      key: job.key,
      run: () => job.run().finally(() => this.changed()),
    });
    return {
      due: (nowMs, busy) => jobs.due(nowMs, busy).map(watched),
      nextAtMs: (afterMs) => jobs.nextAtMs(afterMs),
    };
  }

  #look(): Told {
    const connectionId = this.#store.connection?.connectionId ?? null;
    const status = JSON.stringify(this.#status());
    // Without a connection there are no tables.
    if (connectionId === null) return { connectionId, seq: 0, outstanding: new Map(), status };
    const { sql } = this.#ctx.storage;
    return { connectionId, seq: newestSeq(sql), outstanding: outstandingMarks(sql, MAX_OUTSTANDING), status };
  }

  #messages(before: Told | null, now: Told): object[] {
    const status = (reload: boolean) => ({ type: "status", connected: now.connectionId !== null, reload });
    if (!before || before.connectionId !== now.connectionId) return [status(true)];
    const changed = before.status === now.status ? [] : [status(false)];
    if (now.connectionId === null) return changed;
    const { sql } = this.#ctx.storage;
    const fresh = entriesAfter(sql, before.seq, MAX_MESSAGES + 1);
    if (fresh.length > MAX_MESSAGES) return [status(true)];
    const incidentIds = new Set(fresh.flatMap(({ incidentId }) => incidentId ?? []));
    const incidents = [...incidentIds].flatMap((id) => incidentMessage(sql, id) ?? []);
    return [...incidents, ...this.#deliveries(before, now, fresh), ...changed];
  }

  /** The new ones, and the unfinished ones that moved. */
  #deliveries(before: Told, now: Told, fresh: Entry[]): object[] {
    const entries = fresh.filter(({ delivery }) => delivery !== null);
    const known = new Set(fresh.map(({ seq }) => seq));
    for (const seq of new Set([...before.outstanding.keys(), ...now.outstanding.keys()])) {
      if (known.has(seq) || before.outstanding.get(seq) === now.outstanding.get(seq)) continue;
      const entry = entryAt(this.#ctx.storage.sql, seq);
      if (entry?.delivery) entries.push(entry);
    }
    return entries.map((entry) => ({ type: "delivery", delivery: deliveryView(entry) }));
  }

  #send(text: string): void {
    const { connection } = this.#store;
    for (const socket of this.#ctx.getWebSockets()) {
      const { orgId, untilMs } = Attachment.parse(socket.deserializeAttachment());
      if (untilMs !== null && untilMs < Date.now()) socket.close(SIGN_IN_OVER, "The sign-in is over");
      else if (!connection || isSameOrg(connection, { userId: connection.userId, orgId })) socket.send(text);
    }
  }
}
