import { Hono } from "hono";
import * as z from "zod/mini";
import { unwrap } from "../errors.ts";
import { type AppEnv, userOf } from "./auth.ts";
import { cursorOf, encodeCursor, jsonBody, Limit, queryOf, SeqCursor } from "./body.ts";
import { parsedPayload } from "./payload.ts";
import { IdsBody } from "./requests.ts";

const Query = z.object({ limit: Limit, cursor: cursorOf(SeqCursor) });

/** What arrived, newest first; one of them with its payload; trying again what could not be processed. */
export const events = new Hono<AppEnv>()
  .get("/", queryOf(Query), async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const filter = { limit, beforeSeq: cursor ?? null };
    const page = unwrap(await userOf(c).events(c.get("caller"), filter));
    return c.json({ events: page.events, nextCursor: encodeCursor(page.next) });
  })
  .post("/retry", jsonBody(IdsBody), async (c) => {
    const { ids } = c.req.valid("json");
    return c.json({ retried: unwrap(await userOf(c).retryEvents(c.get("caller"), ids ?? null)) });
  })
  .get("/:webhookId", async (c) => {
    const { payload, ...event } = unwrap(await userOf(c).event(c.get("caller"), c.req.param("webhookId")));
    return c.json({ ...event, payload: parsedPayload(payload) });
  });
