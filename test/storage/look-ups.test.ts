import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { deliveryIdOf, entryAt, entryOfDelivery } from "../../src/storage/journal.ts";
import { webhookTimes } from "../../src/storage/lists.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

/** The API finds deliveries and test events in the journal. */

const eventOf = (id: string, event_type: string, data: object) =>
  JSON.stringify({
    event: { id, event_type, resource_type: "incident", occurred_at: "2026-11-22T03:00:00Z", data },
  });

test("a delivery is found by its webhook-id, with or without the suffix _fields", async () => {
  await runInDurableObject(env.TENANT.getByName("user:bodies"), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "bodies");
    const incident = { id: "P1", type: "incident", number: 7, title: "Down", status: "triggered" };
    takeIn(
      context,
      receivedWebhook("bodies", "W1", eventOf("E1", "incident.triggered", incident)),
      "signature",
      1,
    );
    const entry = entryAt(storage.sql, 1);
    const id = entry === null ? "" : deliveryIdOf(entry);
    expect(entryOfDelivery(storage.sql, id)?.seq).toBe(1);
    expect(entryOfDelivery(storage.sql, `${id}_fields`)?.seq).toBe(1);
    expect(entryOfDelivery(storage.sql, `${id}_other`)).toBeNull();
  });
});

test("the last test event is found, however many events came after it", async () => {
  await runInDurableObject(env.TENANT.getByName("user:pings"), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "pings");
    const ping = eventOf("E0", "pagey.ping", { type: "ping", message: "Hello from your friend Pagey!" });
    takeIn(context, receivedWebhook("pings", "W0", ping, { receivedAtMs: 5 }), "signature", 5);
    storage.sql.exec(
      `WITH RECURSIVE many (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM many WHERE n < 1500)
       INSERT INTO journal (seq, kind, type, received_at_ms, outcome)
       SELECT n, 'webhook', 'incident.annotated', 6, 'applied' FROM many`,
    );
    expect(webhookTimes(storage.sql)).toMatchObject({ lastEventAtMs: 6, lastPingAtMs: 5 });
  });
});
