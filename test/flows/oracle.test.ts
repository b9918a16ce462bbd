import { expect, test } from "vitest";
import { sign } from "../emulator/pagerduty.ts";
import { makeHistory, truthOf } from "../support/history.ts";
import { seededRandom, shuffled } from "../support/random.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { connectUser, startWorld } from "../support/world.ts";

/**
 * Aurora gets each change once and ends with PagerDuty's final state, despite shuffled and repeated webhooks and
 * faults.
 */

const SEED = Number(process.env["ORACLE_SEED"] ?? 20261122);
const USER = "oracle";
const SENDERS = 8;

const SCHEDULE = [...Array(15).fill("0.05"), ...Array(30).fill("2")];
const stage = openStage(() => startWorld({ DELIVERY_SCHEDULE: SCHEDULE.join(",") }));

test("after 400 shuffled and partly repeated events, and despite faults, Aurora has each change of 40 incidents once and in order", async () => {
  const { worker, aurora, pagerduty } = stage;
  const random = seededRandom(SEED);
  const account = pagerduty.account();
  const subscription = await connectUser(stage, USER, account);
  account.unsubscribe(subscription.id);
  const { incidents, webhooks } = makeHistory(account, { incidents: 40, events: 400, seed: SEED });
  const repeated = webhooks.filter(() => random() < 0.2);
  const sending = shuffled(random, [...webhooks, ...repeated]);

  const queue = [...sending];
  let hangs = 0;
  let down = false;
  aurora.answer = ({ index }) => {
    const dice = random();
    if (down) return dice < 0.5 ? { status: 503 } : { reset: true };
    if (dice > 1 / 3) return { status: 200 };
    // Lets only one delivery hang, because each hang takes 15 s.
    if (index > 100 && hangs++ < 1) return { hang: true };
    if (dice < 0.1) return { status: 500 };
    if (dice < 0.17) return { status: 429, headers: { "retry-after": "0" } };
    return dice < 0.25 ? { reset: true } : { acceptThenReset: true };
  };

  const post = async ({ webhookId, body }: { webhookId: string; body: string }) => {
    for (;;) {
      const reply = await worker.request(`/pagerduty/webhook/${USER}`, {
        method: "POST",
        headers: { "x-webhook-id": webhookId, "x-pagerduty-signature": sign(subscription.secret, body) },
        body,
      });
      if (reply.status === 202) return;
      expect(reply.status, reply.text).toBe(503);
    }
  };
  await Promise.all(
    Array.from({ length: SENDERS }, async () => {
      for (let next = queue.pop(); next; next = queue.pop()) {
        await post(next);
        if (queue.length < 300) down = true;
      }
    }),
  );
  const counts = async () => {
    const [row] = await worker.sql(
      USER,
      `SELECT (SELECT count(*) FROM journal WHERE kind = 'webhook') AS webhooks,
              (SELECT count(*) FROM journal WHERE delivery IN ('pending', 'queued')) AS pending,
              (SELECT count(*) FROM incidents WHERE analysis_due_at_ms IS NOT NULL) AS waiting`,
    );
    return {
      webhooks: Number(row?.["webhooks"]),
      pending: Number(row?.["pending"]),
      waiting: Number(row?.["waiting"]),
    };
  };
  // A restart loses the messages of the local Queue, so the test waits until the Queue is empty.
  await until("every webhook in the journal", async () => (await counts()).webhooks === webhooks.length);
  const underWay = (await counts()).pending;
  await worker.restart();
  down = false;

  await until("every notification delivered", async () => {
    const { pending, waiting } = await counts();
    return pending === 0 && waiting === 0;
  });
  expect(underWay).toBeGreaterThan(0);

  const distinct = aurora.distinct;
  for (const incident of incidents) {
    const notified = distinct.filter(({ data }) => data.incident.incidentId === incident.id);
    const changes = notified.filter(({ type }) => type !== "incident.rca_requested");
    // `distinct` leaves out repeated attempts.
    expect(changes.map(({ data }) => data.incident.version)).toEqual(changes.map((_, index) => index + 1));
    expect(changes[0]?.data.change.kind).toBe("created");
    expect(changes.at(-1)?.data.incident).toMatchObject(truthOf(incident));
    expect(notified.filter(({ type }) => type === "incident.rca_requested")).toHaveLength(1);
    const held = await worker.call(USER, "GET", `/pagerduty/incidents/${incident.id}`);
    expect(held.body).toMatchObject(truthOf(incident));
  }
  const [row] = await worker.sql(USER, "SELECT count(*) AS dead FROM journal WHERE delivery = 'dead'");
  expect(row?.["dead"]).toBe(0);
});
