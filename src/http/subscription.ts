import { Hono } from "hono";
import { SubscribeBody } from "../contract/requests.ts";
import { unwrap } from "../errors.ts";
import { type AppEnv, ownWebhookUrl, readFrom, tenantOf } from "./callers.ts";
import { jsonBody, noBody } from "./input.ts";

/** Creates, shows, tests, enables and removes the webhook subscription at PagerDuty. */

export const subscription = new Hono<AppEnv>()
  .post("/", jsonBody(SubscribeBody), async (c) => {
    const { filter, events } = c.req.valid("json");
    const caller = c.get("caller");
    const url = ownWebhookUrl(c);
    const wish = {
      filter: filter ? { type: filter.type, id: filter.id ?? null } : null,
      events: events ? [...new Set(events)] : null,
    };
    const { created, subscription: made } = unwrap(await tenantOf(c).subscribe(caller, url, wish));
    return c.json(made, created ? 201 : 200);
  })
  .get("/", async (c) => c.json(unwrap(await readFrom(c, (tenant) => tenant.subscription(c.get("caller"))))))
  .delete("/", async (c) => {
    unwrap(await tenantOf(c).unsubscribe(c.get("caller")));
    return c.json({ success: true });
  })
  .post("/ping", noBody, async (c) => {
    unwrap(await tenantOf(c).ping(c.get("caller")));
    return c.json({ success: true }, 202);
  })
  .post("/enable", noBody, async (c) => c.json(unwrap(await tenantOf(c).enable(c.get("caller")))));
