import { Hono } from "hono";
import * as z from "zod";
import { unwrap } from "../errors.ts";
import { type AppEnv, userOf } from "./auth.ts";
import { cursorOf, encodeCursor, Limit, parseInput } from "./body.ts";

const Query = z.object({ limit: Limit, cursor: cursorOf(z.number().int().positive()) });

/** What arrived, newest first; one of them with its payload. */
export const events = new Hono<AppEnv>()
  .get("/", async (c) => {
    const { limit, cursor } = parseInput(Query, c.req.query());
    const filter = { limit, beforeSeq: cursor ?? null };
    const page = unwrap(await userOf(c).events(c.get("caller"), filter));
    return c.json({ events: page.events, nextCursor: encodeCursor(page.next) });
  })
  .get("/:webhookId", async (c) => {
    const { payload, ...event } = unwrap(await userOf(c).event(c.get("caller"), c.req.param("webhookId")));
    return c.json({ ...event, payload: parsed(payload) });
  });

/** As JSON where it is JSON, else as the text that it is. */
function parsed(payload: string | null): unknown {
  if (payload === null) return null;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
