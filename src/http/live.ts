import { Hono } from "hono";
import { AppError } from "../errors.ts";
import { type AppEnv, tenantOf } from "./callers.ts";

/** The WebSocket that tells of each change. The user's object holds it; here it is only let through. */
export const live = new Hono<AppEnv>().get("/", async (c) => {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    throw new AppError("upgrade_required", "This is a WebSocket: connect with ws:// or wss://");
  }
  const headers = new Headers({ upgrade: "websocket" });
  const { orgId } = c.get("caller");
  if (orgId !== null) headers.set("x-org-id", orgId);
  const untilMs = c.get("untilMs");
  if (untilMs !== undefined) headers.set("x-until-ms", String(untilMs));
  return tenantOf(c).fetch("https://user.object/live", { headers });
});
