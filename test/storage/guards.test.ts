import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { configOf } from "../../src/config.ts";
import { Gate } from "../../src/connection/gate.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { ConnectionStore } from "../../src/connection/store.ts";
import { Tokens } from "../../src/connection/tokens.ts";
import { deliver } from "../../src/delivery/attempt.ts";
import { migrate } from "../../src/storage/migrations.ts";
import { takeIn } from "../../src/webhooks/intake.ts";
import { connectionOf } from "../support/connection.ts";
import { receivedWebhook } from "../support/received.ts";
import { connectedContext } from "./connected-context.ts";

/** A late answer to a call does not affect a connection or credential that is newer than the call. */

afterEach(() => void vi.unstubAllGlobals());

test("a delivery that ends after the next connect does not change a delivery of the new connection", async () => {
  await runInDurableObject(env.TENANT.getByName("user:in-flight"), async (_, { storage }) => {
    const context = await connectedContext(storage, env.CONNECTIONS, "in-flight");
    const answer = Promise.withResolvers<Response>();
    const called = Promise.withResolvers<void>();
    vi.stubGlobal("fetch", () => {
      called.resolve();
      return answer.promise;
    });
    const take = (incidentId: string) => {
      const event = {
        id: `E-${incidentId}`,
        event_type: "incident.triggered",
        resource_type: "incident",
        occurred_at: "2026-11-22T03:00:00Z",
        data: { id: incidentId, type: "incident", number: 7, title: "Down", status: "triggered" },
      };
      const webhook = receivedWebhook("in-flight", incidentId, JSON.stringify({ event }));
      takeIn(context, webhook, "signature", 1);
    };
    const rows = () => [...storage.sql.exec("SELECT seq, incident_id AS id, delivery FROM journal")];
    take("P-OLD");
    const [old] = rows();
    const aurora = { origin: null, headers: {}, binding: null, secrets: [] };
    const delivered = deliver({ ...context, aurora }, Number(old?.["seq"]));
    await called.promise;
    await context.store.replace("user:in-flight", connectionOf("in-flight", { connectionId: "next" }));
    take("P-NEW");
    // Row numbers start at 1 again with each connection.
    expect(rows()).toEqual([{ seq: old?.["seq"], id: "P-NEW", delivery: "pending" }]);
    answer.resolve(new Response(null, { status: 202 }));
    await delivered;
    expect(rows()).toMatchObject([{ id: "P-NEW", delivery: "pending" }]);
  });
});

test("two simultaneous calls with a refused token cause only one refresh, because a refresh token works only once", async () => {
  await runInDurableObject(env.TENANT.getByName("user:two-refreshes"), async (_, { storage }) => {
    migrate(storage);
    const config = { ...configOf(env), oauthEnabled: true };
    const store = new ConnectionStore(storage, env.CONNECTIONS, createKeyring(config.credentialsKeys));
    const { token: __, ...common } = connectionOf("two-refreshes");
    const connection = {
      ...common,
      authType: "oauth" as const,
      accessToken: "refused",
      refreshToken: "once",
      expiresAtMs: Date.now() + 3_600_000,
      obtainedAtMs: Date.now(),
      refreshed: false,
      accessRefusedAtMs: null,
      grantedScopes: [],
      requestedScopes: [],
    };
    await store.set("user:two-refreshes", connection);
    let refreshes = 0;
    vi.stubGlobal("fetch", async () => {
      refreshes += 1;
      await scheduler.wait(1);
      return Response.json({
        access_token: `fresh-${refreshes}`,
        refresh_token: `next-${refreshes}`,
        token_type: "bearer",
        expires_in: 3600,
      });
    });
    const tokens = new Tokens(storage, store, config, new Gate(), () => undefined);
    const others = await Promise.all([tokens.replaceRefused(connection), tokens.replaceRefused(connection)]);
    expect(refreshes).toBe(1);
    expect(others.map((other) => other?.accessToken)).toEqual(["fresh-1", "fresh-1"]);
  });
});
