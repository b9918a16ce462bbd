import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { TenantContext } from "../../src/connection/tenant-context.ts";
import { deliver } from "../../src/delivery/attempt.ts";
import { nextDeliveryAtMs } from "../../src/delivery/outbox.ts";
import { recover } from "../../src/reconcile/missed-incidents.ts";
import { dueHint, nextHintAtMs } from "../../src/storage/hints.ts";
import { analysesDue, loadIncident, takeBackIncidents } from "../../src/storage/incidents.ts";
import { ALL_INCIDENTS, listIncidents } from "../../src/storage/lists/incident-list.ts";
import { summarizeSetAside } from "../../src/storage/set-aside.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { readBack } from "../../src/webhooks/read-back.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

/** A row that cannot be processed is set aside: the status names it, and all other rows are processed as usual. */

const NOW = Date.parse("2026-11-22T03:00:00Z");
afterEach(() => void vi.unstubAllGlobals());

const answer = (answers: Record<string, object>) =>
  vi.stubGlobal("fetch", async (url: string) =>
    Response.json(answers[new URL(url).pathname] ?? { incidents: [], custom_fields: [] }),
  );
const incidentOf = (id: string) => ({ id, type: "incident", number: 7, title: "Down", status: "triggered" });

interface Scene {
  context: TenantContext;
  sql: SqlStorage;
  post(incidentId: string, trust: "signature" | "callback"): void;
  damage(incidentId: string): void;
}

async function inObject(name: string, work: (scene: Scene) => Promise<void>): Promise<void> {
  await runInDurableObject(env.TENANT.getByName(`user:${name}`), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, name);
    const { sql } = context;
    await work({
      context,
      sql,
      post(incidentId, trust) {
        const event = {
          id: `E-${incidentId}`,
          event_type: "incident.triggered",
          resource_type: "incident",
          occurred_at: new Date(NOW).toISOString(),
          data: incidentOf(incidentId),
        };
        const unsigned = { verification: trust, secretId: null, signature: null, receivedAtMs: NOW };
        const webhook = receivedWebhook(name, incidentId, JSON.stringify({ event }), unsigned);
        takeIn(context, webhook, trust, NOW);
      },
      damage: (incidentId) =>
        void sql.exec("UPDATE incidents SET state = '{\"incidentId\":7}' WHERE incident_id = ?", incidentId),
    });
  });
}

describe("an unreadable row", () => {
  test("of an incident stops no other analysis, is named in the status, and is processed as usual once it is readable again", async () => {
    await inObject("set-aside-analysis", async ({ sql, post, damage }) => {
      for (const id of ["P1", "P2"]) post(id, "signature");
      const { state } = sql.exec("SELECT state FROM incidents WHERE incident_id = 'P1'").one();
      damage("P1");
      const due = () => analysesDue(sql, NOW + 10_000, 10).map(({ incidentId }) => incidentId);
      expect(due()).toEqual(["P2"]);
      expect(summarizeSetAside(sql)).toMatchObject({ count: 1, incidentId: "P1" });
      expect(listIncidents(sql, { ...ALL_INCIDENTS, limit: 10 }).incidents).toHaveLength(1);
      takeBackIncidents(sql, NOW);
      expect(summarizeSetAside(sql)).toMatchObject({ count: 1 });
      sql.exec("UPDATE incidents SET state = ? WHERE incident_id = 'P1'", state ?? null);
      takeBackIncidents(sql, NOW);
      expect(summarizeSetAside(sql)).toMatchObject({ count: 0 });
      expect(due().sort()).toEqual(["P1", "P2"]);
    });
  });

  test("of a delivery makes this delivery dead, and no further attempt is planned", async () => {
    await inObject("set-aside-delivery", async ({ context, sql, post }) => {
      post("P1", "signature");
      sql.exec("UPDATE journal SET notification = 'no JSON'");
      const [row] = sql.exec("SELECT seq FROM journal");
      await deliver(
        { ...context, aurora: { origin: null, headers: {}, binding: null, secrets: [] } },
        Number(row?.["seq"]),
      );
      const [after] = sql.exec("SELECT delivery, last_error AS error FROM journal");
      expect(after).toMatchObject({
        delivery: "dead",
        error: expect.stringContaining("cannot be processed"),
      });
      expect(nextDeliveryAtMs(sql, 0)).toBeNull();
    });
  });

  test("of an incident makes the incident's unsigned webhooks fail, so that a person can retry them, and stops no other read-back", async () => {
    await inObject("set-aside-hint", async ({ context, sql, post, damage }) => {
      post("P1", "signature");
      damage("P1");
      sql.exec("UPDATE journal SET webhook_id = NULL, event_id = NULL");
      post("P1", "callback");
      post("P2", "callback");
      answer({ "/incidents/P1": { incident: incidentOf("P1") } });
      const hint = dueHint(sql, NOW);
      expect(hint?.incidentId).toBe("P1");
      if (hint) await readBack(context, hint);
      expect([...sql.exec("SELECT incident_id AS id FROM journal WHERE outcome = 'failed'")]).toEqual([
        { id: "P1" },
      ]);
      expect(dueHint(sql, NOW)?.incidentId).toBe("P2");
      expect(nextHintAtMs(sql, NOW)).toBeNull();
    });
  });

  test("of an open incident stops no check for missed incidents, however many such rows there are", async () => {
    await inObject("set-aside-recovery", async ({ context, sql, post, damage }) => {
      const bad = ["P1", "P2", "P3", "P4"];
      for (const id of [...bad, "P9"]) post(id, "signature");
      for (const id of bad) damage(id);
      const resolved = (id: string) => ({
        incident: { ...incidentOf(id), status: "resolved", updated_at: new Date(NOW + 60_000).toISOString() },
      });
      answer(Object.fromEntries([...bad, "P9"].map((id) => [`/incidents/${id}`, resolved(id)])));
      expect(await recover(context, null, true, Date.now())).toMatchObject({ problem: null });
      expect(summarizeSetAside(sql)).toMatchObject({ count: 4 });
      expect(loadIncident(sql, "P9").snapshot?.pagerdutyStatus).toBe("resolved");
    });
  });
});
