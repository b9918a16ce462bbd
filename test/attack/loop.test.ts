import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { until } from "../support/until.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

/** What hangs holds up nothing that has nothing to do with it. */

let world: World;
let serial = 0;
let user: string;

beforeAll(async () => {
  world = await startWorld({
    RECONCILE_MINUTES: "10",
    RUNBOOK_WAIT_SECONDS: "1",
    DELIVERY_SCHEDULE: "0,1,1",
  });
});
beforeEach(() => {
  world.aurora.reset();
  world.pagerduty.faults.api = null;
  world.pagerduty.clearRequests();
  serial += 1;
  user = `user-${serial}`;
});
afterAll(() => world.close());

test("an analysis does not wait for a PagerDuty that hangs", async () => {
  const account = world.pagerduty.account();
  world.pagerduty.faults.api = { hangMs: 6_000, match: (_, path) => path.startsWith("/incidents?") };
  const subscription = await connectUser(world, user, account);
  await until("a check to be under way", () =>
    world.pagerduty.requests.some(({ path }) => path.startsWith("/incidents?")),
  );
  const incident = account.trigger();
  await subscription.idle();
  await world.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length >= 1);
  await world.aurora.waitFor("its analysis", (aurora) => aurora.of(incident.id).length >= 2, 3_000);
});

test("a retry does not wait for another incident's delivery that hangs", async () => {
  const account = world.pagerduty.account();
  const subscription = await connectUser(world, user, account);
  const hanging = account.trigger({ title: "hangs" });
  const failing = account.trigger({ title: "fails once" });
  let failures = 0;
  world.aurora.answer = ({ body }) => {
    if (body?.data.incident.incidentId === hanging.id) return { hang: true };
    if (body?.data.incident.incidentId === failing.id && failures === 0) {
      failures += 1;
      return { status: 503 };
    }
    return { status: 202 };
  };
  await subscription.idle();
  await until("both attempts", () => world.aurora.attempts.length >= 2);
  await world.aurora.waitFor("the retry", (aurora) => aurora.of(failing.id).length > 0, 4_000);
});
