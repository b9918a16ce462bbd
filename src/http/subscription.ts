import { Hono } from "hono";
import * as z from "zod";
import { configOf } from "../config.ts";
import { unwrap } from "../errors.ts";
import { FilterType } from "../pagerduty/subscriptions.ts";
import { webhookUrl } from "./address.ts";
import { type AppEnv, userOf } from "./auth.ts";
import { parseInput, readJson } from "./body.ts";

/** The webhook subscription at PagerDuty: made, shown, tested, enabled and removed from here. */

const FilterInput = z
  .object({
    type: z.enum(FilterType.enum, {
      error: "must be account_reference, service_reference or team_reference",
    }),
    id: z.string({ error: "must be a text" }).min(1).max(64).optional(),
  })
  .refine(({ type, id }) => type === "account_reference" || id !== undefined, {
    error: "needs the id of the service or team",
  });

export const Wish = z.object({
  filter: FilterInput.optional(),
  events: z
    .array(z.string().regex(/^[a-z_]+(\.[a-z_]+)+$/, { error: "is not an event type" }), {
      error: "must be a list of event types",
    })
    .min(1, "needs at least one event type")
    .max(100, "has more than 100 event types")
    .optional(),
});

export const subscription = new Hono<AppEnv>()
  .post("/", async (c) => {
    const { filter, events } = parseInput(Wish, await readJson(c, true));
    const caller = c.get("caller");
    const url = webhookUrl(configOf(c.env), c.req.url, caller.userId);
    const wish = {
      filter: filter ? { type: filter.type, id: filter.id ?? null } : null,
      events: events ? [...new Set(events)] : null,
    };
    const { created, subscription: made } = unwrap(await userOf(c).subscribe(caller, url, wish));
    return c.json(made, created ? 201 : 200);
  })
  .get("/", async (c) => c.json(unwrap(await userOf(c).subscription(c.get("caller")))))
  .delete("/", async (c) => {
    unwrap(await userOf(c).unsubscribe(c.get("caller")));
    return c.json({ success: true });
  })
  .post("/ping", async (c) => {
    unwrap(await userOf(c).ping(c.get("caller")));
    return c.json({ success: true }, 202);
  })
  .post("/enable", async (c) => c.json(unwrap(await userOf(c).enable(c.get("caller")))));
