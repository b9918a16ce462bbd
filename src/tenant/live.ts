import * as z from "zod/mini";
import type { ConnectionStore } from "../connection/store.ts";
import { describe, log } from "../log.ts";
import { type Entry, entryAt, newestSeq } from "../storage/journal.ts";
import { readableView } from "../storage/lists/incident-list.ts";
import { entriesAfter, outstandingAttempts } from "../storage/lists.ts";
import type { Job, JobSource } from "./job-runner.ts";
import { deliveryView } from "./views.ts";

/**
 * `GET /pagerduty/live`: sends each change of the tenant's incidents, deliveries and status over WebSockets. Finds
 * changes by comparing the current state with the previous state, so that no other code has to describe its changes.
 * Sockets survive hibernation, but the previous state does not, so the object reads the state as soon as it wakes.
 */

/** People have a few windows open; more than 32 sockets are a bug or an attack. */
const MAX_SOCKETS = 32;
/** The maximum number of changes that are sent one by one. If there are more changes, one message asks consoles to reload. */
const MAX_MESSAGES = 100;
const MAX_OUTSTANDING = 200;
/** The shortest time between two comparisons: reading the status after every webhook would take too long. */
const LOOK_EVERY_MS = 200;
/** The close code if the sign-in of the socket's visitor has expired. */
const SIGN_IN_OVER = 4401;

const Attachment = z.object({ untilMs: z.nullable(z.number()) });

interface Look {
  connectionId: string | null;
  seq: number;
  /** How many attempts each pending delivery has had, by the number of its journal entry. */
  outstanding: Map<number, number>;
  status: string;
}

/** Leaves out the incident's long members. Returns null if only custom fields are known, or the row is unreadable. */
function incidentMessage(sql: SqlStorage, incidentId: string) {
  const incident = readableView(sql, incidentId);
  if (!incident) return null;
  const { description: _, customFields: __, ...short } = incident;
  return { type: "incident" as const, incident: short };
}

export class Live {
  readonly #ctx: DurableObjectState;
  readonly #store: ConnectionStore;
  readonly #status: () => unknown;
  #lastLook: Look | null = null;
  /** `#isPaused`: the next comparison has to wait. `#isBehind`: something has changed since the last comparison. */
  #isPaused = false;
  #isBehind = false;

  constructor(ctx: DurableObjectState, store: ConnectionStore, status: () => unknown) {
    this.#ctx = ctx;
    this.#store = store;
    this.#status = status;
  }

  /** Reads the state for the first time after the object woke. Never throws. */
  start(): void {
    if (this.#ctx.getWebSockets().length > 0) this.#lastLook = this.#tryLook();
  }

  /** The edge has already identified the caller. */
  accept(request: Request): Response {
    if (this.#ctx.getWebSockets().length >= MAX_SOCKETS) {
      const error = `At most ${MAX_SOCKETS} windows can watch at once; close some`;
      return Response.json({ error, code: "rate_limited" }, { status: 429 });
    }
    this.#lastLook ??= this.#tryLook();
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    this.#ctx.acceptWebSocket(server);
    server.serializeAttachment({ untilMs: Number(request.headers.get("x-until-ms")) || null });
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Call this after every change. */
  changed(): void {
    if (this.#ctx.getWebSockets().length === 0) {
      this.#lastLook = null;
      return;
    }
    if (this.#isPaused) {
      this.#isBehind = true;
      return;
    }
    this.#isPaused = true;
    this.#isBehind = false;
    this.#sendChanges();
    setTimeout(() => {
      this.#isPaused = false;
      if (this.#isBehind) this.changed();
    }, LOOK_EVERY_MS);
  }

  /** Never throws: no work may fail because of a socket. */
  #sendChanges(): void {
    try {
      const before = this.#lastLook;
      const now = this.#look();
      this.#lastLook = now;
      for (const message of this.#messages(before, now)) this.#send(JSON.stringify(message));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Returns null if the state cannot be read. The next comparison then asks consoles to reload. */
  #tryLook(): Look | null {
    try {
      return this.#look();
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  #failed(error: unknown): void {
    log.error("live.failed", { userId: this.#store.connection?.userId, error: describe(error) });
  }

  /** Wraps the jobs, so that each job's changes are sent when the job ends. */
  watch(jobs: JobSource): JobSource {
    const watched = (job: Job): Job => ({
      ...job,
      run: () => job.run().finally(() => this.changed()),
    });
    return {
      due: (nowMs, busy) => jobs.due(nowMs, busy).map(watched),
      nextAtMs: (afterMs) => jobs.nextAtMs(afterMs),
    };
  }

  #look(): Look {
    const connectionId = this.#store.connection?.connectionId ?? null;
    const status = JSON.stringify(this.#status());
    // Without a connection the tables may not exist.
    if (connectionId === null) return { connectionId, seq: 0, outstanding: new Map(), status };
    const { sql } = this.#ctx.storage;
    return {
      connectionId,
      seq: newestSeq(sql),
      outstanding: outstandingAttempts(sql, MAX_OUTSTANDING),
      status,
    };
  }

  #messages(before: Look | null, now: Look): object[] {
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

  /** Returns messages about new deliveries, and about earlier deliveries that were attempted or finished. */
  #deliveries(before: Look, now: Look, fresh: Entry[]): object[] {
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
    for (const socket of this.#ctx.getWebSockets()) {
      const { untilMs } = Attachment.parse(socket.deserializeAttachment());
      if (untilMs !== null && untilMs < Date.now()) socket.close(SIGN_IN_OVER, "The sign-in is over");
      else socket.send(text);
    }
  }
}
