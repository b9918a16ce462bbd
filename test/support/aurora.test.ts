import { randomUUID } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Aurora, startAurora } from "./aurora.ts";
import type { Notification } from "./notification.ts";

let aurora: Aurora;

beforeEach(async () => {
  aurora = await startAurora();
});

afterEach(() => aurora.close());

function notification(incidentId = "PGR0VU2", version = 1): Notification {
  return {
    type: "incident.triggered",
    timestamp: "2026-11-20T10:00:00.123Z",
    data: {
      userId: "alice",
      orgId: null,
      incident: {
        sourceType: "pagerduty",
        sourceAlertId: "2",
        incidentId,
        title: "API latency above 2 s",
        service: { id: "PF9KMXH", name: "API Service" },
        severity: "critical",
        status: "investigating",
        pagerdutyStatus: "triggered",
        urgency: "high",
        priority: "P1",
        url: "https://acme.pagerduty.com/incidents/PGR0VU2",
        incidentKey: "d3640fbd41094207a1c11e58e46b1662",
        description: null,
        assignees: [],
        teams: [],
        escalationPolicy: null,
        alertFiredAt: "2026-11-20T10:00:00Z",
        startedAt: "2026-11-20T10:00:00Z",
        resolvedAt: null,
        customFields: {},
        version,
      },
      change: { kind: "created", from: null, to: "investigating" },
      provenance: { webhookId: randomUUID(), eventId: "01EVENT", verification: "signature" },
      event: { id: "01EVENT" },
    },
  };
}

interface Sending {
  id?: string;
  secret?: string;
  at?: Date;
  signal?: AbortSignal;
}

async function send(body: unknown, { id = randomUUID(), secret, at = new Date(), signal }: Sending = {}) {
  const text = JSON.stringify(body);
  const init: RequestInit = {
    method: "POST",
    headers: {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": new Webhook(secret ?? aurora.secret).sign(id, at, text),
    },
    body: text,
  };
  if (signal) init.signal = signal;
  return (await fetch(aurora.url, init)).status;
}

test("a signed notification is accepted and stored with its headers and body", async () => {
  const sent = notification();
  expect(await send(sent, { id: "msg_1" })).toBe(202);
  expect(aurora.accepted).toEqual([sent]);
  const [attempt] = aurora.attempts;
  expect(attempt).toMatchObject({
    path: "/pagerduty/events",
    status: 202,
    webhookId: "msg_1",
    signatureValid: true,
    body: sent,
    problem: null,
  });
  expect(new TextDecoder().decode(attempt?.raw)).toBe(JSON.stringify(sent));
});

test("a notification with a wrong, old or missing signature gets 401 and is not accepted", async () => {
  const stranger = await startAurora();
  expect(await send(notification(), { secret: stranger.secret })).toBe(401);
  await stranger.close();
  expect(await send(notification(), { at: new Date(Date.now() - 6 * 60_000) })).toBe(401);
  const unsigned = await fetch(aurora.url, { method: "POST", body: JSON.stringify(notification()) });
  expect(unsigned.status).toBe(401);
  expect(aurora.attempts.map(({ signatureValid }) => signatureValid)).toEqual([false, false, false]);
  expect(aurora.accepted).toEqual([]);
});

test.for<[string, (body: Notification) => unknown]>([
  ["an extra field", (body) => ({ ...body, extra: true })],
  ["a missing field", ({ type, data }) => ({ type, data })],
  ["a runbook but no analysis", (body) => ({ ...body, data: { ...body.data, runbook: null } })],
  ["an analysis but no runbook", (body) => ({ ...body, type: "incident.rca_requested" })],
  [
    "an event whose signature was not verified",
    ({ data, ...body }) => ({
      ...body,
      data: { ...data, provenance: { ...data.provenance, verification: "callback" } },
    }),
  ],
])("a notification with %s gets 400", async ([, spoil]) => {
  expect(await send(spoil(notification()))).toBe(400);
  expect(aurora.accepted).toEqual([]);
  expect(aurora.attempts[0]?.problem).not.toBeNull();
});

test("a repeated notification is accepted again, and `distinct` lists it once", async () => {
  const [first, other] = [notification("P1"), notification("P2")];
  await send(first, { id: "msg_1" });
  await send(other, { id: "msg_2" });
  await send(first, { id: "msg_1" });
  expect(aurora.accepted).toEqual([first, other, first]);
  expect(aurora.distinct).toEqual([first, other]);
  expect(aurora.of("P2")).toEqual([other]);
});

test("`answer` is called with each POST's index and body, and returns Aurora's answer", async () => {
  aurora.answer = ({ index }) =>
    index === 0 ? { status: 503, headers: { "retry-after": "7" } } : { status: 204 };
  expect(await send(notification())).toBe(503);
  expect(aurora.accepted).toEqual([]);
  expect(await send(notification("P2"))).toBe(204);
  expect(aurora.of("P2")).toHaveLength(1);
});

test("the answer `reset` resets the connection, and the answer `acceptThenReset` stores the notification first", async () => {
  aurora.answer = ({ index }) => (index === 0 ? { reset: true } : { acceptThenReset: true });
  await expect(send(notification())).rejects.toThrow();
  expect(aurora.accepted).toEqual([]);
  await expect(send(notification())).rejects.toThrow();
  expect(aurora.accepted).toHaveLength(1);
  expect(aurora.attempts.map(({ status }) => status)).toEqual(["reset", "reset"]);
});

test("an attempt that hangs is never answered, and does not delay `close`", async () => {
  aurora.answer = () => ({ hang: true });
  const hanging = send(notification());
  const outcome = expect(hanging).rejects.toThrow();
  await aurora.waitFor("the attempt", ({ attempts }) => attempts[0]?.status === "hang");
  expect(aurora.accepted).toEqual([]);
  await aurora.close();
  await outcome;
});

test("a V3 event at Aurora's own route is stored byte for byte, without a check of its signature", async () => {
  const body = new TextEncoder().encode('{"event": {"id":"01"} }');
  const response = await fetch(aurora.ownRouteUrl.replace("{user_id}", "alice"), {
    method: "POST",
    headers: { "x-webhook-id": "w1", "x-pagerduty-signature": "v1=00" },
    body,
  });
  expect(response.status).toBe(202);
  expect(aurora.attempts[0]).toMatchObject({
    path: "/pagerduty/webhook/alice",
    webhookId: "w1",
    signatureValid: false,
    body: null,
    raw: body,
  });
  expect(aurora.accepted).toEqual([]);
});

test("`waitFor` resolves as soon as a POST makes its condition true", async () => {
  const waiting = aurora.waitFor("two notifications", ({ accepted }) => accepted.length === 2);
  await send(notification());
  await send(notification());
  await waiting;
});

test("if `waitFor` times out, its error names the condition and the received attempts", async () => {
  await send(notification("P7", 3));
  await send({ type: "nonsense" });
  const wait = aurora.waitFor("the resolution", () => false, 1);
  await expect(wait).rejects.toThrow(/^waited 1 ms for the resolution; received so far:/);
  await expect(wait).rejects.toThrow("1. incident.triggered v3 of P7 → 202");
  await expect(wait).rejects.toThrow("2. /pagerduty/events → 400");
});

test("after a call of `reset()` there are no attempts, and every valid POST is accepted", async () => {
  aurora.answer = () => ({ status: 500 });
  await send(notification());
  aurora.reset();
  expect(aurora.attempts).toEqual([]);
  expect(await send(notification())).toBe(202);
  expect(aurora.distinct).toHaveLength(1);
});
