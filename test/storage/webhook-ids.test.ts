import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { configOf } from "../../src/config.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore } from "../../src/connection/store.ts";
import { migrate } from "../../src/storage/migrations.ts";
import type { RecordContext } from "../../src/storage/record.ts";
import { Intake, takeIn } from "../../src/webhooks/intake.ts";
import { ParkedWebhooks, park } from "../../src/webhooks/parked.ts";
import type { Trust } from "../../src/webhooks/received.ts";
import { Verifier } from "../../src/webhooks/verify.ts";
import { receivedWebhook } from "../support/received.ts";

/** `X-Webhook-Id` and `event.id` together identify a webhook, because a proxy may give several events one webhook id. */

const SAME = "same";

function webhookOf(name: string, webhookId = SAME) {
  const event = {
    id: `E${name}`,
    event_type: "incident.triggered",
    resource_type: "incident",
    occurred_at: "2026-11-22T03:00:00Z",
    data: { type: "incident", id: `P${name}`, title: "Down", number: 1 },
  };
  return receivedWebhook("u", webhookId, JSON.stringify({ event }));
}

const outcomes = (sql: SqlStorage) => [
  ...sql.exec("SELECT event_id AS event, outcome FROM journal WHERE kind = 'webhook' ORDER BY event_id, seq"),
];

function after(user: string, work: (context: RecordContext) => unknown) {
  return runInDurableObject(env.TENANT.getByName(`user:${user}`), async (_, { storage }) => {
    migrate(storage);
    await work({ storage, sql: storage.sql, config: configOf(env), connectedUser: () => "u" });
    return outcomes(storage.sql);
  });
}

test.each<[Trust, string]>([
  ["signature", "applied"],
  ["callback", "unconfirmed"],
])("two events under one webhook id are both taken, each once (%s)", async (trust, outcome) => {
  const taken: string[] = [];
  const rows = await after(`two-${trust}`, (context) => {
    for (const name of ["1", "2", "1", "2"]) taken.push(takeIn(context, webhookOf(name), trust, 1));
  });
  expect(taken).toEqual([outcome, outcome, "duplicate", "duplicate"]);
  expect(rows).toEqual([
    { event: "E1", outcome },
    { event: "E2", outcome },
  ]);
});

test("a signed webhook replaces only the unsigned webhook of its own event, even if two events have the same webhook id", async () => {
  const rows = await after("replaced", (context) => {
    takeIn(context, webhookOf("1"), "callback", 1);
    takeIn(context, webhookOf("2"), "callback", 1);
    takeIn(context, webhookOf("2"), "signature", 1);
  });
  expect(rows).toEqual([
    { event: "E1", outcome: "unconfirmed" },
    { event: "E2", outcome: "applied" },
  ]);
});

test("if several failed events have the same webhook id, each event is kept, and retried once", async () => {
  const retried: number[] = [];
  const rows = await after("parked", async (context) => {
    const { storage, config } = context;
    takeIn(context, webhookOf("1"), "signature", 1);
    for (const name of ["2", "3", "3"]) park(context.sql, webhookOf(name), "signature");
    takeIn(context, webhookOf("4"), "signature", 1);
    const verifier = new Verifier(
      new ConnectionStore(storage, env.CONNECTIONS, createKeyring(config.credentialsKeys)),
    );
    const parked = new ParkedWebhooks(context, verifier, new Intake(context, verifier));
    const connection = { tenantId: "user:u", connectionId: "c", userId: "u" };
    retried.push(await parked.retry(null, connection), await parked.retry(null, connection));
  });
  expect(retried).toEqual([2, 0]);
  expect(rows).toEqual(["E1", "E2", "E3", "E4"].map((event) => ({ event, outcome: "applied" })));
});

test("a failed entry that was stored without an event id is replaced by a webhook with the same webhook id", async () => {
  const rows = await after("failed", (context) => {
    park(context.sql, webhookOf("1"), "signature");
    context.sql.exec("UPDATE journal SET event_id = NULL");
    takeIn(context, webhookOf("1"), "signature", 1);
  });
  expect(rows).toEqual([{ event: "E1", outcome: "applied" }]);
});
