import { expect, test } from "vitest";
import { firstBody, sign } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { connectUser, startWorld } from "../support/world.ts";

/** A storm of webhooks for one user does not delay other users, and the most severe incidents are analysed first. */

const STORM = 200;
const SENDERS = 16;
/** docs/cost.md names the price of a request. */
const MAX_OBJECT_REQUESTS_AN_EVENT = 0.2;

const stage = openStage(() =>
  startWorld({ DELIVERY_SCHEDULE: "0,0.2,0.2,0.2,0.2,0.2", RUNBOOK_WAIT_SECONDS: "30" }),
);

async function poster(user: string) {
  const account = stage.pagerduty.account();
  const subscription = await connectUser(stage, user, account);
  account.unsubscribe(subscription.id);
  const post = async (webhookId: string, body: string) => {
    const { status } = await stage.worker.request(`/pagerduty/webhook/${user}`, {
      method: "POST",
      headers: { "x-webhook-id": webhookId, "x-pagerduty-signature": sign(subscription.secret, body) },
      body,
    });
    expect(status).toBe(202);
  };
  return { account, post };
}

test("another user's incident overtakes a storm of webhooks, and no webhook of the storm is dropped", async () => {
  const [stormy, calm] = await Promise.all([poster("stormy"), poster("calm")]);
  const { aurora } = stage;
  const countNotified = () => aurora.distinct.filter(({ data }) => data.userId === "stormy").length;

  const bodies = Array.from({ length: STORM }, () => firstBody(stormy.account.trigger()));
  let sent = 0;
  const storm = Promise.all(
    Array.from({ length: SENDERS }, async () => {
      for (let body = bodies.pop(); body; body = bodies.pop()) await stormy.post(`storm-${++sent}`, body);
    }),
  );
  await until("a quarter of the storm to be sent", () => sent > STORM / 4);
  const incident = calm.account.trigger();
  await calm.post("calm", firstBody(incident));
  await aurora.waitFor("the other user's incident", () => aurora.of(incident.id).length > 0);
  const notifiedBefore = countNotified();
  await storm;
  await until("every notification of the storm", () => countNotified() === STORM);
  expect(notifiedBefore / STORM).toBeLessThan(3 / 4);
  // Only the consumer's calls are billed as requests of the object: the object's other work runs during these calls.
  const requests = stage.worker
    .logs()
    .filter((line) => line.includes('"event":"batch.processed"') && line.includes('"user:stormy"')).length;
  console.log(`${(requests / STORM).toFixed(3)} object requests an event`);
  expect(requests).toBeGreaterThan(0);
  expect(requests / STORM).toBeLessThanOrEqual(MAX_OBJECT_REQUESTS_AN_EVENT);
});

test("each incident of a storm is analysed once, critical incidents first", async () => {
  const { account, post } = await poster("severe");
  const { aurora, worker } = stage;
  aurora.reset();
  const priorities = ["P4", "P3", "P2", "P1", "P4", "P3", "P2", "P1"];
  const incidents = priorities.map((priority) => account.trigger({ priority }));
  const numbers = new Map(incidents.map(({ id }, index) => [id, priorities[index]]));
  await Promise.all(incidents.map((incident) => post(`severe-${incident.id}`, firstBody(incident))));
  const waiting = "FROM incidents WHERE analysis_due_at_ms IS NOT NULL";
  await until("all incidents to wait for a runbook", async () => {
    const [row] = await worker.sql("severe", `SELECT count(*) AS n ${waiting}`);
    return row?.["n"] === incidents.length;
  });
  await worker.sql("severe", "UPDATE incidents SET analysis_due_at_ms = 1");
  await worker.call("severe", "GET", "/pagerduty");
  const analyses = () => aurora.distinct.filter(({ type }) => type === "incident.rca_requested");
  await until("all analyses", () => analyses().length === incidents.length);
  const rows = await worker.sql(
    "severe",
    "SELECT incident_id AS id FROM journal WHERE type = 'incident.rca_requested' ORDER BY seq",
  );
  expect(rows.map(({ id }) => numbers.get(String(id)))).toEqual([...priorities].sort());
  expect(new Set(analyses().map(({ data }) => data.incident.incidentId)).size).toBe(incidents.length);
});

test("a hanging delivery does not delay another incident's retry", async () => {
  const { account, post } = await poster("hanging");
  const { aurora } = stage;
  aurora.reset();
  const [hanging, failing] = [account.trigger(), account.trigger()];
  let failures = 0;
  aurora.answer = ({ body }) => {
    if (body?.data.incident.incidentId === hanging.id) return { hang: true };
    return failures++ === 0 ? { status: 503 } : { status: 202 };
  };
  await post("hanging", firstBody(hanging));
  await aurora.waitFor("the hanging delivery", ({ attempts }) => attempts.length > 0);
  await post("failing", firstBody(failing));
  await aurora.waitFor("the other incident's second attempt", () => aurora.of(failing.id).length > 0);
  expect(failures).toBeGreaterThan(1);
  expect(aurora.hanging).toBe(1);
});
