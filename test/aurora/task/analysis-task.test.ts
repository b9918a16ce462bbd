import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Listener, type Reply, textReply } from "../../emulator/listener.ts";
import { ACME, ADA, fieldEvent, incidentEvent, sendEvent } from "../sender.ts";
import { startTodaysAurora, type TodaysAurora } from "../todays-aurora.ts";

const MINUTE_MS = 60_000;

let aurora: TodaysAurora;
let web: Listener;
let page: Reply;
let nowMs: number;

beforeAll(async () => {
  web = await Listener.open(0);
  web.serve(() => page);
});

afterAll(() => web.close());

beforeEach(async () => {
  nowMs = Date.parse("2026-11-20T10:00:00Z");
  aurora = await startTodaysAurora({
    analysisDelayMs: null,
    correlationLatencyMs: 0,
    memgraph: false,
    providers: ["aws"],
    nowMs: () => nowMs,
  });
  aurora.directory.addUser(ADA, ACME);
});

afterEach(() => aurora.close());

function trigger(number: number) {
  return sendEvent(
    aurora,
    incidentEvent("triggered", { id: `P${number}`, number, service: `service ${number}` }),
  );
}

describe("server/routes/pagerduty/tasks.py, trigger_delayed_rca", () => {
  test("a triggered incident is summarised immediately and analysed after the delay", async () => {
    await sendEvent(aurora, incidentEvent("triggered"));
    await aurora.workers.settled();
    expect(aurora.tables).toMatchObject({ summaries: [{ number: 2 }], prompts: [] });
    await aurora.runWaiting();
    expect(aurora.tables.prompts).toMatchObject([
      {
        userId: ADA,
        incidentId: "PGR0VU2",
        number: 2,
        text: expect.stringContaining('"title": "API latency above 2 s"'),
      },
    ]);
  });

  test("an event other than incident.triggered starts neither a summary nor an analysis", async () => {
    for (const action of ["acknowledged", "resolved"]) await sendEvent(aurora, incidentEvent(action));
    await aurora.runWaiting();
    expect(aurora.tables).toMatchObject({ summaries: [], prompts: [] });
  });

  test("the same webhook sent twice makes two events and two summaries", async () => {
    const event = incidentEvent("triggered");
    for (let time = 0; time < 2; time += 1) await sendEvent(aurora, event);
    await aurora.runWaiting();
    expect(aurora.tables.events).toHaveLength(2);
    expect(aurora.tables.summaries).toHaveLength(2);
    expect(aurora.tables.incidents).toHaveLength(1);
  });

  test("an incident that was analysed is not analysed again", async () => {
    await trigger(1);
    await aurora.runWaiting();
    await trigger(1);
    await aurora.runWaiting();
    expect(aurora.tables.prompts).toHaveLength(1);
    expect(aurora.tables.drops).toMatchObject([{ reason: "analyzed_already" }]);
  });

  test("at the end of the analysis the incident is `analyzed`, even if it was resolved in the meantime", async () => {
    await sendEvent(aurora, incidentEvent("triggered"));
    await sendEvent(aurora, incidentEvent("resolved"));
    await aurora.runWaiting();
    expect(aurora.tables.incidents).toMatchObject([{ status: "analyzed" }]);
  });

  test("the sixth analysis in 5 minutes for a user is dropped silently", async () => {
    for (let number = 1; number <= 6; number += 1) await trigger(number);
    await aurora.runWaiting();
    expect(aurora.tables.prompts).toHaveLength(5);
    expect(aurora.tables.drops).toMatchObject([{ reason: "analysis_limit", incidentId: "P6" }]);
    nowMs += 5 * MINUTE_MS;
    await trigger(7);
    await aurora.runWaiting();
    expect(aurora.tables.prompts).toHaveLength(6);
  });

  test("the prompt starts with the text of the runbook at the URL in the custom field `runbook_link`", async () => {
    page = textReply(200, "\nRestart the API.\n");
    await sendEvent(aurora, incidentEvent("triggered"));
    await sendEvent(aurora, fieldEvent({ runbook_link: `${web.url}/runbook.md` }));
    await aurora.runWaiting();
    expect(aurora.tables.prompts[0]?.text).toMatch(
      /^=== RUNBOOK ===\nRestart the API\.\n\n=== INCIDENT DETAILS ===\n/,
    );
  });

  test.each([404, 500])("a runbook whose server answers %i is left out of the prompt", async (status) => {
    page = textReply(status, "no");
    await sendEvent(aurora, incidentEvent("triggered"));
    await sendEvent(aurora, fieldEvent({ runbook_link: `${web.url}/runbook.md` }));
    await aurora.runWaiting();
    expect(aurora.tables.prompts[0]?.text).not.toContain("RUNBOOK");
  });

  test("if the runbook link is a list of links, the analysis fails three times, and there is no prompt", async () => {
    await sendEvent(aurora, incidentEvent("triggered"));
    await sendEvent(aurora, fieldEvent({ runbook_link: [`${web.url}/runbook.md`] }));
    for (let attempt = 0; attempt < 3; attempt += 1) await aurora.runWaiting();
    expect(aurora.tables.prompts).toEqual([]);
    expect(aurora.tables.drops).toMatchObject([{ reason: "failed" }]);
  });
});

describe("server/routes/pagerduty/runbook_utils.py, fetch_and_consolidate_pagerduty_events", () => {
  test("the prompt has every stored custom field, including emptied fields and fields that arrived before the incident", async () => {
    await sendEvent(aurora, fieldEvent({ early: "yes" }));
    await sendEvent(aurora, incidentEvent("triggered", { customFields: { team: "a" } }));
    await sendEvent(aurora, fieldEvent({ tier: 1, team: null }));
    await aurora.runWaiting();
    expect(aurora.tables.prompts[0]?.text).toContain(
      '"customFields": {"team": null, "early": "yes", "tier": 1}',
    );
  });

  test("if the service is an object, the prompt has only the incident's number and title", async () => {
    await sendEvent(
      aurora,
      incidentEvent("triggered", { service: { id: "PF9KMXH", summary: "API Service" } }),
    );
    await aurora.runWaiting();
    expect(aurora.tables.prompts).toMatchObject([{ text: "PagerDuty incident #2: API latency above 2 s" }]);
  });
});
