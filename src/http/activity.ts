import { Hono } from "hono";
import { unwrap } from "../errors.ts";
import { type AppEnv, userOf } from "./auth.ts";

/** What came and went in the last day, by the hour. */
export const activity = new Hono<AppEnv>().get("/", async (c) =>
  c.json(unwrap(await userOf(c).activity(c.get("caller")))),
);
