import { env, runInDurableObject } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { deliveredBeyondLimit } from "../../src/delivery/analysis-limit.ts";
import { redeliver } from "../../src/delivery/redelivery.ts";
import { emptyIncident } from "../../src/incidents/fold.ts";
import { saveIncident } from "../../src/storage/incidents.ts";
import { appendEntry } from "../../src/storage/journal.ts";
import { Live } from "../../src/tenant/live.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

/** Redeliveries, open consoles and the count of Aurora's analyses work even if one incident's row cannot be read. */

const NOW = Date.parse("2026-11-22T03:00:00Z");

const inObject = <T>(
  user: string,
  work: (state: DurableObjectState, context: Awaited<ReturnType<typeof connectedContext>>) => T | Promise<T>,
): Promise<T> =>
  runInDurableObject(env.TENANT.getByName(`user:${user}`), async (_, state) =>
    work(state, await connectedContext(state.storage, env.CONNECTIONS, user)),
  );

/** Stores an incident, and a delivery that makes Aurora analyse the incident. */
function triggered(sql: SqlStorage, incidentId: string): number {
  const entry = { kind: "webhook", type: "incident.triggered", outcome: "applied" } as const;
  const timelineLine = { kind: "created", from: null, to: "investigating", text: null };
  const seq = appendEntry(sql, { ...entry, receivedAtMs: NOW, incidentId, timelineLine }, 1);
  saveIncident(sql, emptyIncident(incidentId), emptyIncident(incidentId), 1, seq);
  return seq;
}

const damage = (sql: SqlStorage, incidentId: string) =>
  sql.exec("UPDATE incidents SET state = '{}' WHERE incident_id = ?", incidentId);

test("an incident that cannot be read counts towards the connected user's limit of analyses", async () => {
  const beyond = await inObject("row-limit", (_, { sql }) => {
    for (const id of ["P1", "P2", "P3", "P4", "P5", "P6"]) triggered(sql, id);
    sql.exec("UPDATE journal SET delivery = 'delivered', delivered_at_ms = ?", NOW);
    damage(sql, "P3");
    return deliveredBeyondLimit(sql, "row-limit", NOW);
  });
  expect(beyond).toMatchObject({ count: 1 });
});

test("a delivery that Aurora refused with 409 is sent again, even if its incident cannot be read", async () => {
  const { count, states } = await inObject("row-redelivery", (_, context) => {
    const { sql } = context;
    for (const id of ["P1", "P2"]) triggered(sql, id);
    sql.exec("UPDATE journal SET delivery = 'dead', last_status = 409");
    damage(sql, "P1");
    const redelivered = redeliver(context, { ids: null, sinceMs: 0, error: null }, NOW);
    return { count: redelivered, states: [...sql.exec("SELECT DISTINCT delivery FROM journal")] };
  });
  expect(count).toBe(2);
  expect(states).toEqual([{ delivery: "pending" }]);
});

test("an open console gets the changes of the other incidents", async () => {
  await inObject("row-live", async (state, context) => {
    const live = new Live(state, context.store, () => "the status");
    const messages = watch(live);
    for (const id of ["P1", "P2"]) {
      const data = { id, type: "incident", number: 7, title: id, status: "triggered" };
      const event = { id: `E-${id}`, event_type: "incident.triggered", resource_type: "incident", data };
      const body = JSON.stringify({ event: { ...event, occurred_at: new Date(NOW).toISOString() } });
      takeIn(context, receivedWebhook("row-live", `W-${id}`, body), "signature", NOW);
    }
    damage(context.sql, "P1");
    live.changed();
    await vi.waitFor(() =>
      expect(messages).toContainEqual(expect.stringMatching(/^{"type":"incident",.*"P2"/)),
    );
    for (const socket of state.getWebSockets()) socket.close(1000);
  });
});

test("if the status cannot be computed, the object still starts, and a console can still open a socket", async () => {
  await inObject("row-status", async (state, { store }) => {
    let isBroken = true;
    const status = () => {
      if (isBroken) throw new Error("broken");
      return "the status";
    };
    const messages = watch(new Live(state, store, status));
    const woken = new Live(state, store, status);
    woken.start();
    isBroken = false;
    woken.changed();
    await vi.waitFor(() => expect(messages).toEqual(['{"type":"status","connected":true,"reload":true}']));
    for (const socket of state.getWebSockets()) socket.close(1000);
  });
});

/** Opens a socket. Its messages are added to the returned array as they arrive. */
function watch(live: Live): unknown[] {
  const { status, webSocket } = live.accept(new Request("https://connector.example.com/pagerduty/live"));
  expect(status).toBe(101);
  const messages: unknown[] = [];
  webSocket?.addEventListener("message", ({ data }) => void messages.push(data));
  webSocket?.accept();
  return messages;
}
