import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { openBackendStage } from "../support/backend-world.ts";
import { slowness } from "../support/patience.ts";
import { nextSecond, until } from "../support/until.ts";
import { allProcessed, LATENCY, openWebhook, problem, problemsOf, sentEvents, tenantOf } from "./story.ts";

/** A delivery can still succeed after the receiver beside today's Aurora has refused it. */

/** Long enough to read the status between the first two attempts. */
const WAIT_SECONDS = Math.ceil(2 * slowness());

const stage = openBackendStage((aurora) => ({
  AURORA_EVENTS_URL: aurora.eventsUrl,
  AURORA_EVENTS_SECRET: aurora.eventsSecret,
  DELIVERY_SCHEDULE: `0,${WAIT_SECONDS},0.1`,
}));

const isEvent = (_: string, path: string) => path === "/edge/events";
const states = async () => {
  const rows = await stage.worker.sql(
    tenantOf(stage),
    "SELECT delivery FROM journal WHERE delivery IS NOT NULL ORDER BY seq",
  );
  return rows.map(({ delivery }) => delivery);
};
const allDead = (count: number) =>
  until(`${count} dead deliveries`, async () => {
    const all = await states();
    return all.length === count && all.every((state) => state === "dead");
  });
const fixes = async () => (await problemsOf(stage)).map(({ fix }) => fix);

test("the webhook-id is the same on every attempt, even after the delivery was dead", async () => {
  await openWebhook(stage);
  stage.aurora.fault = { status: 503, match: isEvent };
  stage.account.trigger(LATENCY);
  await allDead(1);
  stage.aurora.fault = null;
  await stage.call("POST", "/deliveries/redeliver");
  await allProcessed(stage, 1);
  expect(sentEvents(stage).map(({ status }) => status)).toEqual([503, 503, 503, 200]);
  expect(new Set(sentEvents(stage).map(({ webhookId }) => webhookId)).size).toBe(1);
  expect(stage.aurora.tables.incidents).toHaveLength(1);
});

test("if Aurora has accepted the resolution, a dead delivery of incident.triggered is sent again as incident.resolved", async () => {
  await openWebhook(stage);
  stage.aurora.fault = { status: 503, match: isEvent };
  const incident = stage.account.trigger(LATENCY);
  await allDead(1);
  stage.aurora.fault = null;
  incident.resolve();
  await until("the resolution is delivered", async () => (await states()).join() === "dead,delivered");
  await stage.call("POST", "/deliveries/redeliver");
  await until("both are delivered", async () => (await states()).join() === "delivered,delivered");
  expect(stage.aurora.tables.incidents.map(({ status }) => status)).toEqual(["resolved"]);
  const accepted = sentEvents(stage).filter(({ status }) => status === 200);
  expect(accepted.map(({ event }) => event)).toMatchObject([
    { event_type: "incident.resolved" },
    { event_type: "incident.resolved", data: { status: "resolved" } },
  ]);
});

test("if the connected user leaves the organisation, Aurora refuses events, and the status tells another member to connect", async () => {
  await openWebhook(stage);
  stage.aurora.directory.addUser(stage.editor, randomUUID());
  const incident = stage.account.trigger(LATENCY);
  expect(await problem(stage, "deliveries_failing")).toContain("Aurora answered 409");
  expect(await fixes()).toEqual([expect.stringContaining("let another member connect again")]);
  await allDead(1);
  expect(stage.aurora.tables.incidents).toEqual([]);

  const other = randomUUID();
  stage.aurora.directory.addUser(other, stage.organisation, "admin");
  await stage.call("POST", "", { token: stage.account.apiKey() }, { user: other });
  await stage.call("POST", "/deliveries/redeliver", undefined, { user: other });
  await allProcessed(stage, 1);
  expect(sentEvents(stage).map(({ userId, status }) => [userId, status])).toEqual([
    ...Array(3).fill([stage.editor, 409]),
    [other, 200],
  ]);
  incident.resolve();
  await allProcessed(stage, 2);
  expect(stage.aurora.tables.incidents).toMatchObject([
    { userId: other, number: incident.number, status: "resolved" },
  ]);
});

test("if Aurora accepts an incident's event but refuses the event with its custom fields, only the custom fields are sent again", async () => {
  await openWebhook(stage);
  await stage.call("POST", "/reconcile");
  await nextSecond();
  let calls = 0;
  const isSecond = (method: string, path: string) => {
    if (isEvent(method, path)) calls += 1;
    return calls === 2;
  };
  stage.aurora.fault = { status: 503, match: isSecond };
  stage.account.trigger({ ...LATENCY, customFields: { team: "payments" }, silent: true });
  await stage.call("POST", "/reconcile");
  await allProcessed(stage, 0);
  const sent = sentEvents(stage);
  expect(sent.map(({ status }) => status)).toEqual([200, 503, 200]);
  const id = sent[0]?.webhookId;
  expect(sent.map(({ webhookId }) => webhookId)).toEqual([id, `${id}_fields`, `${id}_fields`]);
  expect(sent.map(({ event }) => event.id)).toEqual(sent.map(({ webhookId }) => webhookId));
  expect(stage.aurora.tables.incidents).toMatchObject([{ metadata: { customFields: { team: "payments" } } }]);
});

test("if an incident has no number, its deliveries wait, are reported as a problem, and end as dead without a call to Aurora", async () => {
  await openWebhook(stage);
  const incident = stage.account.trigger({ ...LATENCY, omitNumber: true, silent: true });
  const withoutNumber = { id: incident.id, type: "incident", status: "triggered", title: LATENCY.title };
  stage.pagerduty.faults.api = {
    body: JSON.stringify({ incident: withoutNumber }),
    match: (_, path) => path === `/incidents/${incident.id}`,
  };
  incident.announce();
  incident.acknowledge();
  expect(await problem(stage, "deliveries_failing")).toContain("does not return the incident's number");
  expect(await fixes()).toEqual([
    expect.stringMatching(/requested from PagerDuty again.*may see the incident/),
  ]);
  expect(await states()).toEqual(["pending", "queued"]);
  await allDead(2);
  expect(await problem(stage, "deliveries_dead")).toContain("does not return the incident's number");
  expect(await fixes()).toEqual([expect.stringMatching(/may see the incident.*deliveries\/redeliver/)]);
  expect(sentEvents(stage)).toEqual([]);

  stage.pagerduty.faults.api = null;
  await stage.call("POST", "/deliveries/redeliver");
  await allProcessed(stage, 2);
  expect(stage.aurora.tables.incidents).toMatchObject([{ number: incident.number }]);
  expect(await problemsOf(stage)).toEqual([]);
});
