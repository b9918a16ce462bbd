import { Hono } from "hono";
import { type BareEnv, take } from "./bare.ts";

/** The bare handler, called by Hono's router. */
export default new Hono<{ Bindings: BareEnv }>().post("/pagerduty/webhook/:userId", (c) =>
  take(c.req.raw, c.req.param("userId"), c.env),
);
