import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { settled } from "../support/worker.ts";
import { connectUser, startWorld, type World } from "../support/world.ts";

/** What REST said before an event came must not undo the event. */

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

test("an answer that an event of the same second has overtaken is the older one", async () => {
  const account = world.pagerduty.account();
  const subscription = await connectUser(world, "user", account);
  const call = (method: string, path: string) => world.worker.call("user", method, `/pagerduty${path}`);
  const incident = account.trigger({ createdAt: new Date(Date.now() - 60_000).toISOString() });
  await subscription.idle();
  await settled(world.worker, "user", 1);
  // At the beginning of a second, so that all of it is in one.
  await until("a new second", () => Date.now() % 1000 < 50);
  incident.silently((silent) => silent.acknowledge());
  world.pagerduty.faults.api = {
    holdMs: 2_500,
    times: 1,
    match: (_, path) => path.startsWith("/incidents?"),
  };
  const reconciled = call("POST", "/reconcile");
  await until("the list to be under way", () => world.pagerduty.faults.api?.times === 0);
  incident.resolve();
  await subscription.idle();
  await settled(world.worker, "user", 2);
  await reconciled;
  expect((await call("GET", `/incidents/${incident.id}`)).body).toMatchObject({ status: "resolved" });
});
