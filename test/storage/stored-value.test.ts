import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { PendingLogins } from "../../src/connection/pending-logins.ts";
import { emptyIncident } from "../../src/incidents/fold.ts";
import { readWatch } from "../../src/reconcile/watch.ts";
import { loadIncident } from "../../src/storage/incidents.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { Refusals } from "../../src/webhooks/refusals.ts";

/** All work continues if a stored value is unreadable, or was stored by an earlier version. */

afterEach(() => void vi.restoreAllMocks());

test("an unreadable stored value counts as absent, and is logged once, without the value", async () => {
  const lines: string[] = [];
  vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
  await runInDurableObject(env.TENANT.getByName("damaged"), (_, { storage }) => {
    for (const key of ["watch", "refusals", "oauthLogins"]) storage.kv.put(key, "SECRET");
    for (let time = 0; time < 3; time += 1) {
      expect(readWatch(storage).nextAtMs).toBeNull();
      expect(new Refusals(storage).summary.count).toBe(0);
      expect(new PendingLogins(storage).nextAtMs).toBeNull();
    }
    new Refusals(storage).count("no signature", 1);
    expect(new Refusals(storage).summary.count).toBe(1);
  });
  expect(lines.filter((line) => line.startsWith("storage.unreadable"))).toHaveLength(3);
  expect(lines.join()).not.toContain("SECRET");
});

test("a waiting analysis that was stored without `waitsFor` waits for its runbook", async () => {
  await runInDurableObject(env.TENANT.getByName("untagged"), (_, { storage }) => {
    migrate(storage);
    const provenance = { webhookId: null, eventId: null, verification: "signature" };
    const analysis = { state: "waiting", dueAtMs: 5, reason: "It was triggered", provenance };
    storage.sql.exec(
      `INSERT INTO incidents (incident_id, created_at_ms, updated_at_ms, live, severity_rank, state)
       VALUES ('P1', 1, 1, 1, 0, ?)`,
      JSON.stringify({ ...emptyIncident("P1"), analysis }),
    );
    expect(loadIncident(storage.sql, "P1").analysis).toMatchObject({ dueAtMs: 5, waitsFor: "runbook" });
  });
});
