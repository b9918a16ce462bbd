import { Hono } from "hono";
import { ConnectBody, RotateBody, SigningSecretBody } from "../contract/requests.ts";
import { unwrap } from "../errors.ts";
import { DEFAULT_EVENTS } from "../pagerduty/webhook-events.ts";
import { type AppEnv, ownWebhookUrl, readFrom, tenantOf } from "./callers.ts";
import { jsonBody, noBody } from "./input.ts";

/** The routes of the connection: status, connect, rotate, disconnect, webhook URL, signing secrets, reconcile. */

const INSTRUCTIONS = [
  "1. In PagerDuty, open Integrations → Generic Webhooks (v3)",
  "2. Click 'New Webhook' and paste the webhook URL above",
  "3. Choose the scope: the account, a team or a service",
  `4. Select the events ${DEFAULT_EVENTS.join(", ")}`,
  "5. Save, and copy the signing secret: PagerDuty shows it only once",
  "6. Store the signing secret here, so that webhooks are verified",
];

/**
 * On Cloudflare's free plan, one invocation may make 50 subrequests. Each call to the object is a subrequest, and takes
 * a minute at most.
 */
const MAX_RECONCILE_CALLS = 40;

export const connection = new Hono<AppEnv>()
  .get("/", async (c) => {
    const caller = c.get("caller");
    const url = ownWebhookUrl(c);
    return c.json(await readFrom(c, (tenant) => tenant.status(caller, url)));
  })
  .post("/", jsonBody(ConnectBody), async (c) => {
    const { token, displayName, region, subscribe } = c.req.valid("json");
    const caller = c.get("caller");
    const url = ownWebhookUrl(c);
    const input = { token, displayName: displayName || "PagerDuty", region, subscribe };
    return c.json({ success: true, ...unwrap(await tenantOf(c).connectToken(caller, input, url)) });
  })
  .patch("/", jsonBody(RotateBody), async (c) => {
    const caller = c.get("caller");
    const { token } = c.req.valid("json");
    const url = ownWebhookUrl(c);
    return c.json({ success: true, ...unwrap(await tenantOf(c).rotate(caller, token, url)) });
  })
  .delete("/", async (c) => c.json({ success: true, ...(await tenantOf(c).disconnect(c.get("caller"))) }))
  .get("/webhook-url", async (c) => {
    const caller = c.get("caller");
    await readFrom(c, (tenant) => tenant.noteMember(caller));
    const url = ownWebhookUrl(c);
    return c.json({ webhookUrl: url, instructions: INSTRUCTIONS });
  })
  .put("/signing-secret", jsonBody(SigningSecretBody), async (c) => {
    const { secret } = c.req.valid("json");
    unwrap(await tenantOf(c).addSigningSecret(c.get("caller"), secret));
    return c.json({ success: true });
  })
  .delete("/signing-secret", async (c) =>
    c.json({ success: true, deleted: unwrap(await tenantOf(c).removeSigningSecrets(c.get("caller"))) }),
  )
  .post("/reconcile", noBody, async (c) => {
    const caller = c.get("caller");
    const url = ownWebhookUrl(c);
    // A check may stop early, at its limit of time or of calls to PagerDuty. The next call to the object continues it.
    for (let calls = 1; ; calls += 1) {
      const { unfinished, checked, recovered, subscription } = unwrap(
        await tenantOf(c).reconcile(caller, url),
      );
      if (!unfinished || calls >= MAX_RECONCILE_CALLS) return c.json({ checked, recovered, subscription });
    }
  });
