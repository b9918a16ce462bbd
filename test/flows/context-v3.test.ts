import { beforeEach, describe, expect, test } from "vitest";
import { throughJsonb } from "../aurora/prompt/jsonb.ts";
import { buildRcaPrompt } from "../aurora/prompt/rca-prompt.ts";
import { NEVER, type Subscription } from "../emulator/pagerduty.ts";
import { holdNext } from "../support/held-call.ts";
import { slowness } from "../support/patience.ts";
import { openStage, type Stage } from "../support/stage.ts";
import { CLOCK_GRAIN_MS } from "../support/until.ts";
import { OWN_ROUTE, startWorld } from "../support/world.ts";

/** In format `v3` the triggered event waits for the incident's context from PagerDuty, but only for a limited time. */

/** Short enough to end during a test, and long enough for every answer that the test does not delay. */
const SHORT_SECONDS = Math.ceil(3 * slowness());
/** Longer than any test, so every event in a test was sent before the end of the wait. */
const LONG_SECONDS = 3600;

let subscription: Subscription;

function stageWith(waitSeconds: number): Stage {
  const stage = openStage(() =>
    startWorld({
      CONTEXT_WAIT_SECONDS: String(waitSeconds),
      AURORA_EVENTS_FORMAT: "v3",
      AURORA_EVENTS_URL: OWN_ROUTE,
    }),
  );
  beforeEach(async () => {
    subscription = await stage.connect();
    stage.pagerduty.clearRequests();
  });
  return stage;
}

const ALERT = {
  id: "PA1",
  summary: "CPU is high",
  severity: "critical" as const,
  createdAt: "2026-11-22T03:00:00Z",
  details: { query: "max(cpu) > 95", password: "hunter2", lines: Array(400).fill("a line of a long log") },
  links: [],
};
const sent = (stage: Stage) =>
  stage.aurora.attempts.map(({ raw }) => JSON.parse(new TextDecoder().decode(raw)).event);
const types = (stage: Stage) => sent(stage).map(({ event_type }) => event_type);

describe("before the end of the wait", () => {
  const stage = stageWith(LONG_SECONDS);

  test("Aurora's prompt contains the details of the first alert, and the wait ends when PagerDuty has answered", async () => {
    stage.account.trigger({
      title: "Database is slow",
      knowledge: { alerts: [ALERT, { ...ALERT, id: "PA2" }] },
    });
    await stage.aurora.waitFor("the triggered event", ({ attempts }) => attempts.length > 0);
    const [event] = sent(stage);
    const payload = throughJsonb(event.data);
    if (!(payload instanceof Map)) throw new Error("data is not an object");
    const prompt = buildRcaPrompt({ title: event.data.title, payload, providers: [] });
    expect(prompt).toContain('"query": "max(cpu) > 95"');
    expect(prompt).toContain("a line of a long log");
    expect(prompt).not.toContain("hunter2");
  });

  test("a delivery that waits for its context is shown as pending, without a problem", async () => {
    const call = holdNext(stage.pagerduty.faults, "api", "hang", (_, path) => path.includes("/alerts"));
    stage.account.trigger();
    await call.underWay();
    const status = await stage.call("GET", "");
    expect(status.body).toMatchObject({ delivery: { pending: 1, lastError: null }, problems: [] });
    call.release();
    await stage.aurora.waitFor("the triggered event", ({ attempts }) => attempts.length > 0);
  });

  test("if the user disconnects while a context is collected, the next connection's deliveries are not delayed", async () => {
    const call = holdNext(stage.pagerduty.faults, "api", "hold", (_, path) => path.includes("/alerts"));
    const incident = stage.account.trigger();
    await call.underWay();
    await stage.call("DELETE", "");
    call.release();
    await stage.connect();
    incident.acknowledge();
    await stage.aurora.waitFor("the incident", ({ attempts }) => attempts.length > 0);
    expect(stage.worker.logs().filter((line) => line.includes("job.crashed"))).toEqual([]);
  });

  test("an incident whose first event is its resolution does not wait for its context", async () => {
    const incident = stage.account.trigger({ silent: true });
    incident.resolve();
    await subscription.idle();
    await stage.settled(1);
    expect(types(stage)).toEqual(["incident.resolved"]);
    expect(stage.pagerduty.requests.filter(({ path }) => path.includes("/alerts"))).toEqual([]);
  });
});

describe("at the end of the wait", () => {
  const stage = stageWith(SHORT_SECONDS);

  test("after a restart during the wait, the triggered event is sent once", async () => {
    stage.pagerduty.faults.api = { hang: NEVER };
    stage.account.trigger({ knowledge: { alerts: [ALERT] } });
    await expect.poll(() => stage.pagerduty.requests.length).toBeGreaterThan(0);
    stage.pagerduty.faults.api = null;
    await stage.worker.restart();
    await stage.aurora.waitFor("the triggered event", ({ attempts }) => attempts.length > 0);
    await stage.settled(1);
    expect(types(stage)).toEqual(["incident.triggered"]);
  });

  test("while PagerDuty does not answer, the triggered event is sent at the end of the wait, and later events follow it", async () => {
    stage.pagerduty.faults.api = { hang: NEVER };
    const startedAtMs = Date.now();
    const incident = stage.account.trigger();
    incident.acknowledge();
    await stage.aurora.waitFor("both events", ({ attempts }) => attempts.length > 1);
    expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(SHORT_SECONDS * 1000 - CLOCK_GRAIN_MS);
    expect(types(stage)).toEqual(["incident.triggered", "incident.acknowledged"]);
  });

  test("the answers that arrived in time are sent, even if another answer is late", async () => {
    stage.pagerduty.faults.api = { hang: NEVER, match: (_, path) => path.includes("/past_incidents") };
    stage.account.trigger({ knowledge: { alerts: [ALERT] } });
    await stage.aurora.waitFor("the triggered event", ({ attempts }) => attempts.length > 0);
    expect(sent(stage)[0].data.context).toMatchObject({
      alerts: [{ summary: "CPU is high" }],
      missing: [{ part: "pastIncidents", reason: "timed_out" }],
    });
  });
});
