import { env, runInDurableObject } from "cloudflare:test";
import { expect, inject, test } from "vitest";
import { dueDeliveries, markDelivered } from "../../src/delivery/outbox.ts";
import { analysesDue, loadIncident, saveIncident } from "../../src/storage/incidents.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { pruneEntries } from "../../src/storage/pruning.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { receivedWebhook } from "../support/received.ts";
import { configWith } from "./connected-context.ts";

/** The tests count the rows that an event writes, because Cloudflare bills them (docs/cost.md). */

/** The number of events in a Queue batch under load. Each batch sets the alarm once, which is billed as a row. */
const BATCH = 25;
const MAX_ROWS_PER_EVENT = 5.5;

function counted(sql: SqlStorage): { sql: SqlStorage; rows: () => number } {
  const cursors: { rowsWritten: number }[] = [];
  const proxy = new Proxy(sql, {
    get(target, property) {
      if (property !== "exec") return Reflect.get(target, property, target);
      return (query: string, ...values: SqlStorageValue[]) => {
        const cursor = target.exec(query, ...values);
        cursors.push(cursor);
        return cursor;
      };
    },
  });
  return { sql: proxy, rows: () => cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0) };
}

test("in a history with all types of events, an event writes at most 5.5 rows on average, including the rows for its delivery", async () => {
  const history = inject("history");
  const config = configWith({ RUNBOOK_WAIT_SECONDS: "5" });
  const stub = env.TENANT.getByName("user:cost");
  const perEvent = await runInDurableObject(stub, (_, state) => {
    migrate(state.storage);
    const { sql, rows } = counted(state.storage.sql);
    let alarms = 0;
    for (const [index, { webhookId, body }] of history.entries()) {
      const webhook = receivedWebhook("cost", webhookId, body, { receivedAtMs: index });
      takeIn(
        { storage: state.storage, sql, config, connectedUser: () => "cost" },
        webhook,
        "signature",
        index,
      );
      if (index % BATCH !== BATCH - 1) continue;
      const finish = { attempts: 1, status: 200, nowMs: index, nextDueAtMs: index };
      // Does the work of one alarm: the waiting analyses, then deliveries until none is due.
      alarms += 1;
      for (const { incidentId } of analysesDue(sql, Number.MAX_SAFE_INTEGER, 1000)) {
        const incident = loadIncident(sql, incidentId);
        const analysis = { state: "requested" as const, atMs: index, reason: "", runbookUrl: null };
        saveIncident(sql, incident, { ...incident, analysis }, index);
      }
      for (let due = dueDeliveries(sql, "first", Number.MAX_SAFE_INTEGER, 100); due.length > 0; ) {
        for (const entry of due) markDelivered(sql, entry, finish);
        due = dueDeliveries(sql, "first", Number.MAX_SAFE_INTEGER, 100);
      }
    }
    const written = rows() + alarms;
    while (pruneEntries(sql, Number.MAX_SAFE_INTEGER, history.length) > 0);
    console.log(`${((rows() + alarms - written) / history.length).toFixed(2)} rows to remove an event`);
    return written / history.length;
  });
  console.log(`${perEvent.toFixed(2)} rows an event`);
  expect(perEvent).toBeGreaterThan(2);
  expect(perEvent).toBeLessThanOrEqual(MAX_ROWS_PER_EVENT);
});
