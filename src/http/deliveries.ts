import { Hono } from "hono";
import * as z from "zod";
import { unwrap } from "../errors.ts";
import { type AppEnv, userOf } from "./auth.ts";
import { cursorOf, encodeCursor, Ids, Limit, parseInput, readJson } from "./body.ts";

const Query = z.object({
  state: z.enum(["pending", "delivered", "dead"], { error: "must be pending, delivered or dead" }).optional(),
  limit: Limit,
  cursor: cursorOf(z.number().int().positive()),
});

/** What is sent to Aurora, newest first, and sending again what could not be delivered. */
export const deliveries = new Hono<AppEnv>()
  .get("/", async (c) => {
    const { state, limit, cursor } = parseInput(Query, c.req.query());
    const filter = { state: state ?? null, limit, beforeSeq: cursor ?? null };
    const page = unwrap(await userOf(c).deliveries(c.get("caller"), filter));
    return c.json({ deliveries: page.deliveries, nextCursor: encodeCursor(page.next) });
  })
  .post("/redeliver", async (c) => {
    const { ids } = parseInput(Ids, await readJson(c, true));
    return c.json({ redelivered: unwrap(await userOf(c).redeliver(c.get("caller"), ids ?? null)) });
  });
