import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import type { Incident, Subscription } from "../emulator/pagerduty.ts";
import { firstBody, sign, webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

/** The connector's answers to webhooks, if the connection has a signing secret. */

let subscription: Subscription;

const stage = openStage();
beforeEach(async () => {
  subscription = await stage.connect();
  // Unsubscribes, because the tests post the webhooks themselves.
  stage.account.unsubscribe(subscription.id);
});

const triggered = (): Incident => stage.account.trigger({ title: "Down" });
const padded = (text: string, extra: object): string => {
  const body = JSON.parse(text);
  body.event.data = { ...body.event.data, ...extra };
  return JSON.stringify(body);
};

const post = (
  body: string | Uint8Array<ArrayBuffer>,
  options: { as?: string; signature?: string | null; webhookId?: string } = {},
) => {
  const signature = options.signature === undefined ? sign(subscription.secret, body) : options.signature;
  const headers = new Headers({
    "content-type": "application/json",
    "x-webhook-id": options.webhookId ?? randomBytes(16).toString("hex"),
    "x-webhook-subscription": subscription.id,
    "user-agent": "PagerDuty-Webhook/V3.0",
  });
  if (signature !== null) headers.set("x-pagerduty-signature", signature);
  return stage.worker.request(`/pagerduty/webhook/${options.as ?? stage.user}`, {
    method: "POST",
    headers,
    body,
  });
};
const status = async () => (await stage.call("GET", "")).body;

describe("genuine webhooks", () => {
  test("get 202 and reach Aurora", async () => {
    const incident = triggered();
    const reply = await post(firstBody(incident));
    expect([reply.status, reply.body]).toEqual([202, { received: true }]);
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
    expect(stage.aurora.of(incident.id)[0]).toMatchObject({
      type: "incident.triggered",
      data: {
        userId: stage.user,
        orgId: null,
        incident: { incidentId: incident.id, version: 1 },
        change: { kind: "created", from: null, to: "investigating" },
        provenance: { verification: "signature" },
        event: { event_type: "incident.triggered" },
      },
    });
  });

  test("may have several signatures, in upper or lower case and with any spacing", async () => {
    const body = firstBody(triggered());
    const good = sign(subscription.secret, body);
    const bad = sign("another secret", body);
    for (const signature of [`${bad},${good}`, `${bad}, ${good} `, good.toUpperCase().replace("V1", "v1")]) {
      expect((await post(body, { signature })).status).toBe(202);
    }
  });

  test("with Unicode reach Aurora unchanged", async () => {
    const incident = stage.account.trigger({ title: "Żółw 🐢 \u2028 überläuft" });
    expect((await post(firstBody(incident))).status).toBe(202);
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
    expect(stage.aurora.of(incident.id)[0]?.data.incident.title).toBe("Żółw 🐢 \u2028 überläuft");
  });

  test.each([130, 250])("of %i KB of incompressible data get 202 and are processed", async (kilobytes) => {
    const incident = triggered();
    const body = padded(firstBody(incident), {
      noise: randomBytes((kilobytes - 4) * 750).toString("base64"),
    });
    expect(body.length).toBeGreaterThan((kilobytes - 4) * 1000);
    expect((await post(body)).status).toBe(202);
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
    expect(stage.aurora.of(incident.id)[0]?.data.event).toEqual(JSON.parse(body).event);
  });

  test("notify Aurora once if they are repeated", async () => {
    const incident = triggered();
    const [body, webhookId] = [firstBody(incident), "the-same-webhook"];
    for (let times = 0; times < 5; times += 1) expect((await post(body, { webhookId })).status).toBe(202);
    // A second subscription sends the same event under another webhook id.
    expect((await post(body)).status).toBe(202);
    await stage.settled(2);
    expect(
      stage.aurora
        .of(incident.id)
        .map(({ type }) => type)
        .sort(),
    ).toEqual(["incident.rca_requested", "incident.triggered"]);
    const outcomes = async () => {
      const { body } = await stage.call("GET", "/events");
      return (body as { events: { outcome: string }[] }).events.map(({ outcome }) => outcome);
    };
    await until("the copy under another id", async () => (await outcomes()).includes("duplicate"));
    expect(await outcomes()).toEqual(["duplicate", "applied"]);
    expect((await stage.call("GET", "/deliveries")).body).toMatchObject({ deliveries: [{}, {}] });
  });

  test("with the same webhook id but different events reach Aurora, and GET /events/{id} returns the first event", async () => {
    const webhookId = "one-for-two";
    const incidents = [triggered(), triggered()];
    for (const incident of [...incidents, ...incidents]) {
      expect((await post(firstBody(incident), { webhookId })).status).toBe(202);
    }
    await stage.settled(2);
    for (const { id } of incidents) {
      expect(stage.aurora.of(id).map(({ data }) => data.change.kind)).toContain("created");
    }
    const { body } = await stage.call("GET", "/events");
    const { events } = body as { events: { eventId: string; receivedAt: string; webhookId: string }[] };
    expect(events.map((event) => event.webhookId)).toEqual([webhookId, webhookId]);
    expect((await stage.call("GET", `/events/${webhookId}`)).body).toMatchObject({
      eventId: events.at(-1)?.eventId,
    });
  });

  test("of an event type that the connector does not use get 202 and are recorded", async () => {
    const event = stage.account.emit({
      eventType: "service.updated",
      resourceType: "service",
      data: { id: "PS", type: "service" },
    });
    expect((await post(webhookBody(event))).status).toBe(202);
    await stage.settled(1);
    expect(stage.aurora.accepted).toEqual([]);
  });

  test("get 202 even if they are not a V3 event, because PagerDuty disables a subscription after 4xx answers", async () => {
    for (const body of ["{}", "not json", JSON.stringify({ event: { id: "x" } })]) {
      const reply = await post(body);
      expect(reply.status).toBe(202);
      expect(reply.body).toMatchObject({ received: true, reason: expect.any(String) });
    }
  });
});

describe("refused webhooks", () => {
  test("of a user who never connected get 404 and store nothing", async () => {
    const body = firstBody(triggered());
    for (const as of ["stranger", "x".repeat(200)]) {
      const reply = await post(body, { as });
      expect([reply.status, reply.body]).toEqual([
        404,
        { error: "PagerDuty not connected for this user", code: "not_connected" },
      ]);
    }
    expect(
      await stage.worker.sql(
        "stranger",
        "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'",
      ),
    ).toEqual([]);
  });

  test.each([
    ["a forged signature", (body: string) => sign("not the secret", body)],
    ["a truncated signature", (body: string) => sign(subscription.secret, body).slice(0, -1)],
    ["another version", (body: string) => sign(subscription.secret, body).replace("v1", "v2")],
    ["no signature", () => null],
    ["an empty signature", () => ""],
    ["garbage", () => "v1=zzzz,,;=%00"],
    ["10 KB of garbage", () => "v1=".repeat(3000)],
  ])("with %s get 401 and are counted", async (_, signatureOf) => {
    const body = firstBody(triggered());
    const reply = await post(body, { signature: signatureOf(body) });
    expect([reply.status, reply.body]).toMatchObject([401, { code: "invalid_signature" }]);
    expect(await status()).toMatchObject({
      webhook: { rejected: { count: 1, lastAt: expect.any(String), lastReason: expect.any(String) } },
      problems: expect.arrayContaining([expect.objectContaining({ code: "webhooks_refused" })]),
    });
  });

  test("larger than 256 KiB get 413", async () => {
    const path = `/pagerduty/webhook/${stage.user}`;
    expect((await stage.worker.request(path, { method: "POST" }, 256 * 1024 + 1)).status).toBe(413);
  });

  test("over 60 a minute get 429, and genuine webhooks still get 202", async () => {
    const body = firstBody(triggered());
    const replies = await Promise.all(Array.from({ length: 70 }, () => post(body, { signature: "v1=00" })));
    const statuses = replies.map((reply) => reply.status);
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(statuses.filter((code) => code === 401)).toHaveLength(60);
    expect(replies.find((reply) => reply.status === 429)?.headers.get("retry-after")).not.toBeNull();
    expect((await post(body)).status).toBe(202);
  });
});

describe("a webhook that follows a change immediately is verified with the changed connection:", () => {
  test("after a new secret is stored, while the old secret is still accepted", async () => {
    const old = subscription.secret;
    await stage.call("PUT", "/signing-secret", { secret: "brand new" });
    const body = firstBody(triggered());
    expect((await post(body, { signature: sign("brand new", body) })).status).toBe(202);
    expect((await post(body, { signature: sign(old, body) })).status).toBe(202);
  });

  test("after a new secret is stored, even if the copy in KV is stale, missing or unreadable", async () => {
    const { CONNECTIONS } = await stage.worker.handle.getEnv();
    const key = `connection:user:${stage.user}`;
    const stale = await CONNECTIONS.get(key);
    for (const copy of [stale, "garbage", "k1.AAAA.AAAA"]) {
      const secret = randomBytes(8).toString("hex");
      await stage.call("PUT", "/signing-secret", { secret });
      await CONNECTIONS.put(key, copy ?? "");
      const body = firstBody(triggered());
      expect((await post(body, { signature: sign(secret, body) })).status).toBe(202);
    }
    await CONNECTIONS.delete(key);
    const body = firstBody(triggered());
    expect((await post(body)).status).toBe(202);
  });

  test("after a disconnect", async () => {
    const body = firstBody(triggered());
    expect((await post(body)).status).toBe(202);
    await stage.call("DELETE", "");
    expect((await post(body)).status).toBe(404);
  });
});

describe("an accepted webhook", () => {
  test("is delivered even if the object is evicted while Aurora is unavailable", async () => {
    stage.aurora.answer = () => ({ status: 503 });
    const incident = triggered();
    expect((await post(firstBody(incident))).status).toBe(202);
    await until("the first attempt", () =>
      stage.aurora.attempts.some(({ body }) => body?.data.incident.incidentId === incident.id),
    );
    await stage.worker.evict(stage.user);
    stage.aurora.answer = () => ({ status: 202 });
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
    const ids = stage.aurora.attempts
      .filter(
        ({ body }) => body?.type === "incident.triggered" && body.data.incident.incidentId === incident.id,
      )
      .map(({ webhookId }) => webhookId);
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(1);
  });
});
