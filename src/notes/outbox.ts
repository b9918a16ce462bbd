import type { Connection } from "../connection/connection.ts";
import type { TenantContext } from "../connection/tenant-context.ts";
import { learnWriteAccess, mayWrite } from "../connection/write-access.ts";
import { AppError } from "../errors.ts";
import { view } from "../incidents/fold.ts";
import { describe, log } from "../log.ts";
import { createNote, listNotes } from "../pagerduty/context.ts";
import { loadIncident } from "../storage/incidents.ts";
import {
  insertNote,
  type Note,
  noteById,
  noteByKey,
  noteTimes,
  removeNote,
  reopenOthers,
  restartNote,
  saveNote,
} from "../storage/notes.ts";
import { isSameText, notesOfOthers } from "../storage/own-notes.ts";
import { afterAttempt, attempting, NO_WRITE_ACCESS } from "./attempt.ts";

/**
 * Writes Aurora's notes on incidents at PagerDuty. A note is stored before the caller gets an answer. Failed attempts
 * are repeated for up to a day, at the times of DELIVERY_SCHEDULE. PagerDuty has no idempotency keys. If an attempt may
 * have written the note, the incident's notes are therefore read before the next attempt.
 */

const HOUR_MS = 3600 * 1000;
const MAX_AN_HOUR_ON_AN_INCIDENT = 30;
const MAX_AN_HOUR = 200;
/** How long the caller waits for the first attempt, which shows whether the credential may write. */
const FIRST_ATTEMPT_WAIT_MS = 3_000;
/** The answer of an attempt that threw. PagerDuty may have written the note before the exception. */
const CRASHED = { ok: false, problem: "unavailable", reason: "A fault of the connector" } as const;

export interface NoteRequest {
  /** Markdown. */
  content: string;
  url: string | null;
  from: string | null;
  idempotencyKey: string | null;
}

export class NoteOutbox {
  readonly #context: TenantContext;
  /** Attempts in progress, by note id. The alarm and a caller may want to write a note at the same time. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(context: TenantContext) {
    this.#context = context;
  }

  /**
   * Stores a note and tries once to write it. If a request is repeated with the same `idempotencyKey`, no second note
   * is stored, but a failed note is retried.
   * @returns the note's id
   * @throws {AppError} not_connected, not_found, invalid_request, write_access_required, idempotency_conflict,
   * rate_limited
   */
  async request(
    userId: string,
    connection: Connection,
    incidentId: string,
    request: NoteRequest,
  ): Promise<string> {
    const { sql, storage, store } = this.#context;
    const isConnectedAsBefore = store.whileConnectedAsNow();
    // Imported here, because building the Markdown parser takes a seventh of the Worker's start-up time.
    const { noteTextOf } = await import("./note-text.ts");
    const requestHash = request.idempotencyKey === null ? null : await hashOf(request);
    if (!isConnectedAsBefore()) throw new AppError("not_connected", "Not connected");
    if (!view(loadIncident(sql, incidentId))) throw new AppError("not_found", "No such incident");
    const text = noteTextOf({ ...request, userId });
    if (text === "") throw new AppError("invalid_request", "content: it has no text");
    checkWriter(connection, request.from);
    const noteId = storage.transactionSync(() => this.#keep(userId, incidentId, request, requestHash, text));
    await this.#firstAttempt(noteId);
    return noteId;
  }

  /** @returns the id of the new note, or of the note that is already stored for the `idempotencyKey` */
  #keep(
    userId: string,
    incidentId: string,
    { from, idempotencyKey }: NoteRequest,
    requestHash: string | null,
    text: string,
  ): string {
    const { sql } = this.#context;
    const nowMs = Date.now();
    const known = idempotencyKey === null ? null : noteByKey(sql, incidentId, idempotencyKey);
    if (known && known.requestHash !== requestHash) {
      throw new AppError("idempotency_conflict", "This idempotencyKey was used for another note");
    }
    if (known?.state === "failed") restartNote(sql, known.noteId, nowMs);
    if (known) return known.noteId;
    this.#checkRate(incidentId, MAX_AN_HOUR_ON_AN_INCIDENT, "for this incident", nowMs);
    this.#checkRate(null, MAX_AN_HOUR, "for this connection", nowMs);
    const noteId = `note_${crypto.randomUUID()}`;
    insertNote(sql, {
      noteId,
      incidentId,
      createdAtMs: nowMs,
      userId,
      from,
      idempotencyKey,
      requestHash,
      text,
    });
    return noteId;
  }

  #checkRate(incidentId: string | null, limit: number, what: string, nowMs: number): void {
    const oldestMs = noteTimes(this.#context.sql, incidentId, nowMs - HOUR_MS, limit)[limit - 1];
    if (oldestMs === undefined) return;
    throw new AppError("rate_limited", `At most ${limit} notes an hour ${what}`, {
      retryAfterSeconds: Math.max(1, Math.ceil((oldestMs + HOUR_MS - nowMs) / 1000)),
    });
  }

  /** @throws {AppError} not_connected; write_access_required, after removing the note */
  async #firstAttempt(noteId: string): Promise<void> {
    const { sql, store } = this.#context;
    if (noteById(sql, noteId)?.state !== "pending") return;
    const timer = new AbortController();
    const waited = scheduler.wait(FIRST_ATTEMPT_WAIT_MS, { signal: timer.signal }).catch(() => undefined);
    const isCurrent = store.whileConnectedAsNow();
    await Promise.race([this.write(noteId), waited]);
    timer.abort();
    if (!isCurrent()) throw new AppError("not_connected", "Not connected");
    const note = noteById(sql, noteId);
    if (note?.state !== "failed" || note.error !== NO_WRITE_ACCESS) return;
    removeNote(sql, noteId);
    throw new AppError("write_access_required", NO_WRITE_ACCESS);
  }

  /** Tries to write a pending note, or joins an attempt in progress. Does not throw if PagerDuty fails. */
  async write(noteId: string): Promise<void> {
    const underWay = this.#underWay.get(noteId);
    if (underWay) return underWay;
    const writing = this.#write(noteId).finally(() => this.#underWay.delete(noteId));
    this.#underWay.set(noteId, writing);
    return writing;
  }

  async #write(noteId: string): Promise<void> {
    const { sql, store, config } = this.#context;
    const isCurrent = store.whileConnectedAsNow();
    const before = noteById(sql, noteId);
    if (before?.state !== "pending") return;
    saveNote(sql, attempting(before, Date.now()));
    const answer = await this.#call(before).catch((error: unknown) => {
      log.error("note.crashed", { tenantId: store.tenantId, noteId, error: describe(error) });
      return CRASHED;
    });
    if (!isCurrent()) return;
    // PagerDuty's webhook about the note may have overtaken PagerDuty's answer, and marked the note as written.
    if (noteById(sql, noteId)?.state !== "pending") return;
    const after = afterAttempt(before, answer, config.deliverySchedule, Date.now(), Math.random());
    saveNote(sql, after);
    // If another note has the same text, PagerDuty's webhook about this note may have marked the other note as written.
    // The other note becomes pending again.
    if (after.pagerdutyId !== null) reopenOthers(sql, after, Date.now());
    log[after.state === "written" ? "info" : "warn"]("note.attempt", {
      tenantId: store.tenantId,
      incidentId: before.incidentId,
      noteId,
      state: after.state,
      attempt: after.attempts,
      error: after.error,
    });
  }

  async #call(note: Note) {
    const { client, sql, store } = this.#context;
    const { incidentId, text, doubtful } = note;
    if (doubtful === 1) {
      const known = await client.run((target) => listNotes(target, incidentId));
      if (!known.ok) return known;
      const others = notesOfOthers(sql, incidentId, known.value);
      const found = others.find(({ text: theirs }) => isSameText(text, theirs));
      if (found) return { ok: true as const, value: found };
    }
    const from =
      note.from ?? (store.connection?.authType === "api_token" ? store.connection.externalUserEmail : null);
    const answer = await client.run((target) => createNote(target, incidentId, text, from));
    await learnWriteAccess(store, answer);
    return answer;
  }
}

/** @throws {AppError} write_access_required, invalid_request */
function checkWriter(connection: Connection, from: string | null): void {
  // Only OAuth's scopes are checked here. Whether an API token may write can depend on the incident.
  if (connection.authType === "oauth" && mayWrite(connection) === false) {
    throw new AppError("write_access_required", NO_WRITE_ACCESS);
  }
  if (connection.authType === "api_token" && connection.externalUserEmail === null && from === null) {
    throw new AppError(
      "invalid_request",
      "from: this is an account-level key, so PagerDuty needs the e-mail address of the user to write as",
    );
  }
}

/** SHA-256 of the request, to detect a different request with the same `idempotencyKey`. */
async function hashOf({ content, url, from }: NoteRequest): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([content, url, from]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
