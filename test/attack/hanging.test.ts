import { expect, test } from "vitest";
import { holdNext } from "../support/held-call.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { startWorld } from "../support/world.ts";

/** A hanging call does not delay unrelated work. */

const stage = openStage(() =>
  startWorld({
    RECONCILE_MINUTES: "10",
    RUNBOOK_WAIT_SECONDS: "1",
    DELIVERY_SCHEDULE: "0,1,1",
  }),
);

test("an analysis is requested while a check still waits for PagerDuty's answer", async () => {
  const account = stage.pagerduty.account();
  const subscription = await stage.connect(account);
  const held = holdNext(stage.pagerduty.faults, "api", "hang", (_, path) => path.startsWith("/incidents?"));
  let isOver = false;
  const check = stage.call("POST", "/reconcile").finally(() => {
    isOver = true;
  });
  await held.underWay();
  const incident = account.trigger();
  await subscription.idle();
  await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length >= 1);
  await stage.aurora.waitFor("the request for analysis", (aurora) => aurora.of(incident.id).length >= 2);
  expect(isOver).toBe(false);
  held.release();
  await check;
});

test("a retry does not wait for the hanging delivery of another incident", async () => {
  const account = stage.pagerduty.account();
  const subscription = await stage.connect(account);
  const hanging = account.trigger({ title: "hangs" });
  const failing = account.trigger({ title: "fails once" });
  let failures = 0;
  stage.aurora.answer = ({ body }) => {
    if (body?.data.incident.incidentId === hanging.id) return { hang: true };
    if (body?.data.incident.incidentId === failing.id && failures === 0) {
      failures += 1;
      return { status: 503 };
    }
    return { status: 202 };
  };
  await subscription.idle();
  await until("both attempts", () => stage.aurora.attempts.length >= 2);
  await stage.aurora.waitFor("the retry", (aurora) => aurora.of(failing.id).length > 0);
  // The hanging attempt has not timed out yet.
  const [row] = await stage.sql(
    "SELECT attempts, last_error AS error FROM journal WHERE delivery = 'pending' AND incident_id = ? ORDER BY seq",
    hanging.id,
  );
  expect(row).toEqual({ attempts: 0, error: null });
});
