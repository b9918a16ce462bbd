import { Hono } from "hono";
import * as z from "zod/mini";
import { unwrap } from "../errors.ts";
import { type AppEnv, userOf } from "./auth.ts";
import { cursorOf, encodeCursor, jsonBody, Limit, queryOf, SeqCursor } from "./body.ts";
import { parsedPayload } from "./payload.ts";
import { IdsBody } from "./requests.ts";

const Query = z.object({
  state: z.optional(
    z.enum(["pending", "delivered", "dead"], { error: "must be pending, delivered or dead" }),
  ),
  limit: Limit,
  cursor: cursorOf(SeqCursor),
});

/** What is sent to Aurora, newest first; one of them with its body; and sending again what could not be delivered. */
export const deliveries = new Hono<AppEnv>()
  .get("/", queryOf(Query), async (c) => {
    const { state, limit, cursor } = c.req.valid("query");
    const filter = { state: state ?? null, limit, beforeSeq: cursor ?? null };
    const page = unwrap(await userOf(c).deliveries(c.get("caller"), filter));
    return c.json({ deliveries: page.deliveries, nextCursor: encodeCursor(page.next) });
  })
  .post("/redeliver", jsonBody(IdsBody), async (c) => {
    const { ids } = c.req.valid("json");
    return c.json({ redelivered: unwrap(await userOf(c).redeliver(c.get("caller"), ids ?? null)) });
  })
  .get("/:id", async (c) => {
    const { payload, ...delivery } = unwrap(await userOf(c).delivery(c.get("caller"), c.req.param("id")));
    return c.json({ ...delivery, payload: parsedPayload(payload) });
  });
