import { afterAll, beforeAll, expect, test } from "vitest";
import { sign, webhookBody } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

/** A storm of one user: the others do not notice, and the most severe incidents are looked into first. */

const STORM = 500;
const SENDERS = 16;
/** docs/cost.md states what it means in money. */
const MAX_OBJECT_REQUESTS_AN_EVENT = 0.2;

let world: World;
beforeAll(async () => {
  world = await startWorld({ DELIVERY_SCHEDULE: "0,0.2,0.2,0.2,0.2,0.2" });
});
afterAll(() => world.close());

const bodyOf = (incident: { events: Parameters<typeof webhookBody>[0][] }) => {
  const [event] = incident.events;
  if (!event) throw new Error("The incident has no event");
  return webhookBody(event);
};

async function poster(user: string) {
  const account = world.pagerduty.account();
  const subscription = await connectUser(world, user, account);
  account.unsubscribe(subscription.id);
  const post = async (webhookId: string, body: string) => {
    const { status } = await world.worker.request(`/pagerduty/webhook/${user}`, {
      method: "POST",
      headers: { "x-webhook-id": webhookId, "x-pagerduty-signature": sign(subscription.secret, body) },
      body,
    });
    expect(status).toBe(202);
  };
  return { account, post };
}

test("500 webhooks of one user delay another user's by no more than a second", {
  timeout: 60_000,
}, async () => {
  const [stormy, calm] = await Promise.all([poster("stormy"), poster("calm")]);
  const { aurora } = world;
  /** From the webhook's acceptance until Aurora has its incident. */
  const timeOne = async (title: string) => {
    const incident = calm.account.trigger({ title });
    const at = performance.now();
    await calm.post(title, bodyOf(incident));
    await aurora.waitFor(title, () => aurora.of(incident.id).length > 0, 30_000);
    return performance.now() - at;
  };
  const inCalm = await timeOne("in calm");

  const bodies = Array.from({ length: STORM }, () => bodyOf(stormy.account.trigger()));
  let sent = 0;
  const storm = Promise.all(
    Array.from({ length: SENDERS }, async () => {
      for (let body = bodies.pop(); body; body = bodies.pop()) await stormy.post(`storm-${++sent}`, body);
    }),
  );
  await until("the storm under way", () => sent > STORM / 4);
  const inStorm = await timeOne("in the storm");
  await storm;
  expect(inStorm - inCalm).toBeLessThan(1000);
  // Nothing of the storm is dropped: each incident is told, and each one's analysis asked for.
  await until(
    "the storm's end",
    () => aurora.distinct.filter(({ data }) => data.userId === "stormy").length === 2 * STORM,
    45_000,
  );
  // Every request that the object is billed for: the consumer's calls and the alarms.
  const requests = world.worker
    .logs()
    .filter(
      (line) => /"event":"(batch\.processed|alarm\.ran)"/.test(line) && line.includes('"stormy"'),
    ).length;
  console.log(`${(requests / STORM).toFixed(3)} object requests an event`);
  expect(requests).toBeGreaterThan(0);
  expect(requests / STORM).toBeLessThanOrEqual(MAX_OBJECT_REQUESTS_AN_EVENT);
});

test("the analyses of a storm are asked for once each, critical incidents first", async () => {
  const { account, post } = await poster("severe");
  const { aurora, worker } = world;
  aurora.reset();
  // They all wait for a runbook at first; then all of them are due at once.
  const priorities = ["P4", "P3", "P2", "P1", "P4", "P3", "P2", "P1"];
  const incidents = priorities.map((priority) => account.trigger({ priority }));
  const numbers = new Map(incidents.map(({ id }, index) => [id, priorities[index]]));
  await Promise.all(incidents.map((incident) => post(`severe-${incident.id}`, bodyOf(incident))));
  const analyses = () => aurora.distinct.filter(({ type }) => type === "incident.rca_requested");
  await until("all analyses", () => analyses().length === incidents.length);
  const rows = await worker.sql(
    "severe",
    "SELECT incident_id AS id FROM journal WHERE type = 'incident.rca_requested' ORDER BY seq",
  );
  expect(rows.map(({ id }) => numbers.get(String(id)))).toEqual([...priorities].sort());
  expect(new Set(analyses().map(({ data }) => data.incident.incidentId)).size).toBe(incidents.length);
});

test("a delivery that hangs does not hold up another incident's next attempt", async () => {
  const { account, post } = await poster("hanging");
  const { aurora } = world;
  aurora.reset();
  const [hanging, failing] = [account.trigger(), account.trigger()];
  let failures = 0;
  aurora.answer = ({ body }) => {
    if (body?.data.incident.incidentId === hanging.id) return { hang: true };
    return failures++ === 0 ? { status: 503 } : { status: 202 };
  };
  await post("hanging", bodyOf(hanging));
  await aurora.waitFor("the delivery that hangs", ({ attempts }) => attempts.length > 0);
  await post("failing", bodyOf(failing));
  // The attempt that hangs would be given up after 15 s.
  await aurora.waitFor("the other's second attempt", () => aurora.of(failing.id).length > 0, 8_000);
  expect(failures).toBeGreaterThan(1);
});
