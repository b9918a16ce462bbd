import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Json } from "../prompt/jsonb.ts";
import { ACME, ADA, fieldEvent, incidentEvent, sendEvent } from "../sender.ts";
import { startTodaysAurora, type TodaysAurora } from "../todays-aurora.ts";

const BOB = "0b0b0000-0000-4000-8000-000000000002";

let aurora: TodaysAurora;

beforeAll(async () => {
  aurora = await startTodaysAurora({ analysisDelayMs: null, correlationLatencyMs: 0 });
});

afterAll(() => aurora.close());

beforeEach(() => {
  aurora.reset();
  aurora.directory.addUser(ADA, ACME);
});

const work = (event: ReturnType<typeof incidentEvent>, userId = ADA) =>
  sendEvent(aurora, event, { aurora: { user_id: userId, org_id: ACME } });

async function incidentOf(data: { [key: string]: Json }, action = "triggered") {
  await work(incidentEvent(action, data));
  return aurora.tables.incidents[0];
}

describe("server/routes/pagerduty/tasks.py, _extract_severity", () => {
  test.each([
    [{ name: "P1" }, "high", "critical"],
    [{ name: "SEV1-all" }, "low", "critical"],
    [{ name: "Not critical" }, "low", "critical"],
    [{ name: "P4" }, "high", "low"],
    [{ name: "P10" }, "low", "critical"],
    [{ name: "P5" }, "high", "high"],
    [{ summary: "P1" }, "high", "high"],
    [{ summary: "P1" }, "low", "medium"],
    [null, "high", "high"],
  ])("priority %j with urgency %s is %s", async (priority, urgency, severity) => {
    expect(await incidentOf({ priority, urgency })).toMatchObject({ severity });
  });

  test("`urgency: null` is accepted if the severity comes from the priority", async () => {
    expect(await incidentOf({ urgency: null, priority: { name: "P2" } })).toMatchObject({ severity: "high" });
  });
});

describe("server/routes/pagerduty/tasks.py, process_pagerduty_event", () => {
  test.each([
    [{ body: null }],
    [{ urgency: null }],
    [{ status: null }],
    [{ priority: { name: null } }],
    [{ priority: "P1" }],
    [{ created_at: 5 }],
  ])("Aurora's task stores the event's row and then fails for %j", async (data) => {
    expect(await work(incidentEvent("triggered", data))).toMatchObject({ status: 503 });
    expect(aurora.tables.events).toHaveLength(1);
    expect(aurora.tables.incidents).toHaveLength(0);
  });

  test.each([
    [{ title: "U+0000: \u0000" }],
    [{ title: "half a pair: \ud800" }],
    [{ status: "x".repeat(51) }],
  ])("Aurora's task fails for a value that PostgreSQL refuses, and stores no row (%#)", async (data) => {
    expect(await work(incidentEvent("triggered", data))).toMatchObject({ status: 503 });
    expect(aurora.tables.events).toHaveLength(0);
  });

  test("the status is read from `data`, not from the event's type", async () => {
    expect(await incidentOf({ status: "acknowledged" }, "resolved")).toMatchObject({
      status: "investigating",
    });
    expect(await incidentOf({ status: "Resolved" }, "acknowledged")).toMatchObject({ status: "resolved" });
  });

  test.each([
    ["API", "API"],
    [{ id: "PF9KMXH", summary: "API", name: "other" }, "API"],
    [{ id: "PF9KMXH", name: "other" }, "other"],
    [null, "unknown"],
    ["s".repeat(300), "s".repeat(255)],
  ])("the service's name is read from %j (%#)", async (service, name) => {
    expect(await incidentOf({ service })).toMatchObject({ service: name });
  });

  test("a different user id makes a second row for the same incident", async () => {
    aurora.directory.addUser(BOB, ACME);
    await work(incidentEvent("acknowledged"));
    await work(incidentEvent("acknowledged"), BOB);
    expect(aurora.tables.incidents).toMatchObject([
      { userId: ADA, number: 2 },
      { userId: BOB, number: 2 },
    ]);
  });

  test("a later event changes severity and status, but not title and service", async () => {
    await incidentOf({ title: "first", service: "A" });
    const later = { title: "second", service: "B", priority: { name: "P1" } };
    expect(await incidentOf(later, "acknowledged")).toMatchObject({
      title: "first",
      service: "A",
      severity: "critical",
    });
  });

  test("only the triggered event and a changed status add to the lifecycle", async () => {
    for (const action of ["triggered", "acknowledged", "resolved", "resolved"])
      await work(incidentEvent(action));
    expect(aurora.tables.incidents[0]?.lifecycle).toEqual([
      { event: "created", from: null, to: "investigating" },
      { event: "resolved", from: "investigating", to: "resolved" },
    ]);
  });
});

describe("server/routes/pagerduty/tasks.py, _process_custom_field_update", () => {
  test("custom fields are merged by name, and stay in the row when a later event arrives", async () => {
    await work(incidentEvent("triggered"));
    await work(fieldEvent({ team: "a", tier: 1 }));
    await work(fieldEvent({ tier: 2 }));
    await work(incidentEvent("acknowledged"));
    expect(aurora.tables.incidents[0]?.metadata).toMatchObject({ customFields: { team: "a", tier: 2 } });
  });

  test("an emptied field keeps its old value in the row", async () => {
    await work(incidentEvent("triggered"));
    await work(fieldEvent({ team: "a", tier: 1 }));
    await work(fieldEvent({ team: null, tier: 2 }));
    expect(aurora.tables.incidents[0]?.metadata).toMatchObject({ customFields: { team: "a", tier: 2 } });
  });

  test("custom fields of an unknown incident are stored only as an event", async () => {
    await work(fieldEvent({ team: "a" }));
    await work(incidentEvent("triggered"));
    expect(aurora.tables.incidents[0]?.metadata).not.toHaveProperty("customFields");
    expect(aurora.tables.drops).toMatchObject([{ reason: "unknown_incident" }]);
    expect(aurora.tables.events).toHaveLength(2);
  });
});

describe("server/services/correlation/alert_correlator.py, correlate", () => {
  const second = { id: "PSECOND", number: 3, title: "Disk full" };

  test("a second incident of the same service joins the first, and gets no row, no summary and no analysis", async () => {
    await work(incidentEvent("triggered"));
    await work(incidentEvent("triggered", second));
    await aurora.runWaiting();
    expect(aurora.tables.incidents).toMatchObject([{ number: 2, correlatedAlerts: 1 }]);
    expect(aurora.tables).toMatchObject({ summaries: [{ number: 2 }], prompts: [{ number: 2 }] });
    expect(aurora.tables.drops).toMatchObject([{ reason: "correlated", incidentId: "PSECOND" }]);
    await work(incidentEvent("resolved", second));
    expect(aurora.tables.incidents).toMatchObject([{ number: 2 }, { number: 3, status: "resolved" }]);
  });

  test("a triggered incident gets its own row if no open incident has the same service", async () => {
    await work(incidentEvent("triggered"));
    await work(incidentEvent("triggered", { ...second, service: "Database" }));
    await work(incidentEvent("resolved"));
    await work(incidentEvent("triggered", { id: "PTHIRD", number: 4 }));
    expect(aurora.tables.incidents.map(({ number }) => number)).toEqual([2, 3, 4]);
  });
});
