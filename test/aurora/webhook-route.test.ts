import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ACME, ADA, callAs, incidentEvent, postWebhook } from "./sender.ts";
import { startTodaysAurora, type TodaysAurora } from "./todays-aurora.ts";

let aurora: TodaysAurora;

beforeAll(async () => {
  aurora = await startTodaysAurora({ analysisDelayMs: null });
});

afterAll(() => aurora.close());

beforeEach(() => {
  aurora.reset();
  aurora.directory.addUser(ADA, ACME);
  aurora.directory.store(ACME, {
    userId: ADA,
    organisation: ACME,
    token: "not valid anywhere",
    displayName: "PagerDuty",
    validatedAt: "2026-11-20T10:00:00Z",
    externalUserEmail: null,
    externalUserName: null,
    accountSubdomain: null,
  });
});

describe("server/routes/pagerduty/pagerduty_routes.py, webhook", () => {
  test("a webhook gets 404 if the user's organisation has no credential row", async () => {
    expect(await postWebhook(aurora, ADA, incidentEvent("triggered"))).toMatchObject({ status: 200 });
    await callAs(aurora, ADA, "DELETE", "/pagerduty");
    expect(await postWebhook(aurora, ADA, incidentEvent("triggered"))).toMatchObject({
      status: 404,
      body: { error: "PagerDuty not connected for this user" },
    });
  });

  test("a webhook for an unknown user gets 404", async () => {
    const stranger = "05742000-0000-4000-8000-000000000009";
    expect(await postWebhook(aurora, stranger, incidentEvent("triggered"))).toMatchObject({ status: 404 });
  });

  test.each(["incident.reopened", "incident.priority_updated"])(
    "an event of type %s gets 200 and is ignored",
    async (eventType) => {
      const event = { ...incidentEvent("triggered"), event_type: eventType };
      expect(await postWebhook(aurora, ADA, event)).toMatchObject({
        status: 200,
        body: { received: true, reason: "event type not monitored" },
      });
      expect(aurora.tables.drops).toMatchObject([{ reason: "not_monitored", eventType }]);
    },
  );

  test("an event about anything but an incident gets 200 and is ignored", async () => {
    const event = { ...incidentEvent("triggered"), resource_type: "service" };
    expect(await postWebhook(aurora, ADA, event)).toMatchObject({ body: { reason: "non-incident event" } });
  });

  test.each([
    ["'event' must be an object", "x"],
    ["Missing 'event_type' in event", {}],
    ["Missing 'resource_type' in event", { event_type: "incident.triggered" }],
  ])("a body that is not a V3 event gets 400: %s", async (error, event) => {
    expect(await postWebhook(aurora, ADA, event)).toMatchObject({ status: 400, body: { error } });
  });

  test("a body without a JSON content type counts as empty", async () => {
    const response = await fetch(aurora.webhookUrl.replace("{user_id}", ADA), {
      method: "POST",
      body: JSON.stringify({ event: incidentEvent("triggered") }),
    });
    expect(await response.json()).toEqual({ error: "Missing 'event' field in V3 webhook" });
  });
});

describe("server/celery_config.py and the four workers of docker-compose.yaml", () => {
  test("an event is answered as soon as it is queued, before it is processed", async () => {
    aurora.workers.hold();
    expect(await postWebhook(aurora, ADA, incidentEvent("triggered"))).toMatchObject({ status: 200 });
    expect(aurora.tables.events).toHaveLength(0);
    aurora.workers.release();
    await aurora.workers.settled();
    expect(aurora.tables.events).toHaveLength(1);
  });

  test("if events are processed one by one, the incident ends in PagerDuty's state", async () => {
    for (const action of ["triggered", "acknowledged", "resolved"]) {
      await postWebhook(aurora, ADA, incidentEvent(action));
      await aurora.workers.settled();
    }
    expect(aurora.tables.incidents).toMatchObject([{ status: "resolved" }]);
  });

  test("after a backlog the triggered event is written last, so the resolved incident is open again", async () => {
    aurora.workers.hold();
    for (const action of ["triggered", "acknowledged", "resolved"]) {
      await postWebhook(aurora, ADA, incidentEvent(action));
    }
    aurora.workers.release();
    await aurora.workers.settled();
    expect(aurora.tables.incidents).toMatchObject([{ status: "investigating" }]);
  });

  test("an event whose task fails is tried four times, makes a row each time, and is then lost", async () => {
    await postWebhook(aurora, ADA, incidentEvent("triggered", { body: null }));
    for (let retry = 0; retry < 3; retry += 1) await aurora.runWaiting();
    expect(aurora.tables.events).toHaveLength(4);
    expect(aurora.tables.incidents).toHaveLength(0);
    expect(aurora.tables.drops).toMatchObject([
      { reason: "failed", detail: expect.stringContaining("'NoneType' object has no attribute 'get'") },
    ]);
  });
});
