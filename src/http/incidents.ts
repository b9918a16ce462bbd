import { Hono } from "hono";
import * as z from "zod/mini";
import { unwrap } from "../errors.ts";
import { IncidentCursor, Status } from "../incidents/incident.ts";
import { type AppEnv, userOf } from "./auth.ts";
import { cursorOf, encodeCursor, Limit, queryOf } from "./body.ts";

const Query = z.object({
  status: z.optional(z.enum(Status.def.entries, { error: "must be investigating or resolved" })),
  limit: Limit,
  cursor: cursorOf(IncidentCursor),
});

/** The user's incidents, newest first, and one of them with its timeline. */
export const incidents = new Hono<AppEnv>()
  .get("/", queryOf(Query), async (c) => {
    const { status, limit, cursor } = c.req.valid("query");
    const filter = { status: status ?? null, limit, after: cursor ?? null };
    const page = unwrap(await userOf(c).incidents(c.get("caller"), filter));
    return c.json({ incidents: page.incidents, nextCursor: encodeCursor(page.next) });
  })
  .get("/:incidentId", async (c) =>
    c.json(unwrap(await userOf(c).incident(c.get("caller"), c.req.param("incidentId")))),
  );
