import { Hono } from "hono";
import { AppError } from "../errors.ts";
import { type AppEnv, readFrom } from "./callers.ts";

/** The WebSocket of changes. The tenant's object holds it; the edge only passes the request on. */
export const live = new Hono<AppEnv>().get("/", async (c) => {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    throw new AppError("upgrade_required", "This is a WebSocket: connect with ws:// or wss://");
  }
  const headers = new Headers({ upgrade: "websocket" });
  const untilMs = c.get("untilMs");
  if (untilMs !== undefined) headers.set("x-until-ms", String(untilMs));
  return readFrom(c, (tenant) => tenant.fetch("https://tenant.object/live", { headers }));
});
