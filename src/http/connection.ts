import { Hono } from "hono";
import { configOf } from "../config.ts";
import { unwrap } from "../errors.ts";
import { webhookUrl } from "./address.ts";
import { type AppEnv, userOf } from "./auth.ts";
import { jsonBody, noBody } from "./body.ts";
import { ConnectBody, RotateBody, SigningSecretBody } from "./requests.ts";

/** Aurora's own calls: the connection's status, connecting, rotating, disconnecting, the webhook URL. */

const INSTRUCTIONS = [
  "1. In PagerDuty, open Integrations → Generic Webhooks (v3)",
  "2. Click 'New Webhook' and paste the webhook URL above",
  "3. Choose the scope: the account, a team or a service",
  "4. Select the events incident.triggered, incident.acknowledged, incident.resolved and incident.custom_field_values.updated",
  "5. Save, and copy the signing secret: PagerDuty shows it only once",
  "6. Store the signing secret here, so that webhooks are verified",
];

export const connection = new Hono<AppEnv>()
  .get("/", async (c) => {
    const caller = c.get("caller");
    return c.json(await userOf(c).status(caller, webhookUrl(configOf(c.env), c.req.url, caller.userId)));
  })
  .post("/", jsonBody(ConnectBody), async (c) => {
    const { token, displayName, region, subscribe } = c.req.valid("json");
    const caller = c.get("caller");
    const url = webhookUrl(configOf(c.env), c.req.url, caller.userId);
    const input = { token, displayName: displayName || "PagerDuty", region, subscribe };
    return c.json({ success: true, ...unwrap(await userOf(c).connectToken(caller, input, url)) });
  })
  .patch("/", jsonBody(RotateBody), async (c) => {
    const caller = c.get("caller");
    const { token } = c.req.valid("json");
    const url = webhookUrl(configOf(c.env), c.req.url, caller.userId);
    return c.json({ success: true, ...unwrap(await userOf(c).rotate(caller, token, url)) });
  })
  .delete("/", async (c) => c.json({ success: true, ...(await userOf(c).disconnect(c.get("caller"))) }))
  .get("/webhook-url", async (c) => {
    const caller = c.get("caller");
    unwrap(await userOf(c).authorize(caller));
    const url = webhookUrl(configOf(c.env), c.req.url, caller.userId);
    return c.json({ webhookUrl: url, instructions: INSTRUCTIONS });
  })
  .put("/signing-secret", jsonBody(SigningSecretBody), async (c) => {
    const { secret } = c.req.valid("json");
    unwrap(await userOf(c).addSigningSecret(c.get("caller"), secret));
    return c.json({ success: true });
  })
  .delete("/signing-secret", async (c) =>
    c.json({ success: true, deleted: unwrap(await userOf(c).removeSigningSecrets(c.get("caller"))) }),
  )
  .post("/reconcile", noBody, async (c) => {
    const caller = c.get("caller");
    const url = webhookUrl(configOf(c.env), c.req.url, caller.userId);
    return c.json(unwrap(await userOf(c).reconcile(caller, url)));
  });
