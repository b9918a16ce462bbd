import { Hono } from "hono";
import * as z from "zod/mini";
import { configOf } from "../config.ts";
import { NoteBody } from "../contract/requests.ts";
import { AppError, unwrap } from "../errors.ts";
import { NoteCursor } from "../storage/notes.ts";
import { type AppEnv, readFrom, tenantOf } from "./callers.ts";
import { cursorOf, encodeCursor, jsonBody, Limit, queryOf } from "./input.ts";

/** Writes notes on an incident at PagerDuty, and lists the notes written by the connector. */

/** The limit is higher than for other bodies, because a note can contain a whole analysis. */
const MAX_NOTE_BYTES = 128 * 1024;

const NotesQuery = z.object({ limit: Limit, cursor: cursorOf(NoteCursor) });

/**
 * Returns the link to add to the note; null if the caller sent none, or if FRONTEND_URL is not set.
 * @throws {AppError} invalid_request if the link does not lead to Aurora
 */
function auroraLink(frontendUrl: string | null, url: string | undefined): string | null {
  if (url === undefined || frontendUrl === null) return null;
  if (URL.parse(url)?.origin === URL.parse(frontendUrl)?.origin) return url;
  throw new AppError("invalid_request", "url: must be on the origin of FRONTEND_URL");
}

export const notes = new Hono<AppEnv>()
  .post("/:incidentId/notes", jsonBody(NoteBody, MAX_NOTE_BYTES), async (c) => {
    const { content, url, from, idempotencyKey } = c.req.valid("json");
    const request = {
      content,
      url: auroraLink(configOf(c.env).frontendUrl, url),
      from: from ?? null,
      idempotencyKey: idempotencyKey ?? null,
    };
    const noteId = unwrap(await tenantOf(c).writeNote(c.get("caller"), c.req.param("incidentId"), request));
    return c.json({ noteId }, 202);
  })
  .get("/:incidentId/notes", queryOf(NotesQuery), async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const page = { limit, after: cursor ?? null };
    const found = unwrap(
      await readFrom(c, (tenant) => tenant.notes(c.get("caller"), c.req.param("incidentId"), page)),
    );
    return c.json({ notes: found.notes, nextCursor: encodeCursor(found.next) });
  });
