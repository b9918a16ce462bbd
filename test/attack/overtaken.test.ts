import { expect, test } from "vitest";
import { holdNext } from "../support/held-call.ts";
import { openStage } from "../support/stage.ts";
import { nextSecond } from "../support/until.ts";
import { settled } from "../support/worker.ts";
import { connectUser } from "../support/world.ts";

/** What REST said before an event came must not undo the event. */

const stage = openStage();

test("an answer that an event of the same second has overtaken is the older one", async () => {
  const account = stage.pagerduty.account();
  const subscription = await connectUser(stage, "user", account);
  const call = (method: string, path: string) => stage.worker.call("user", method, `/pagerduty${path}`);
  const incident = account.trigger({ createdAt: new Date(Date.now() - 60_000).toISOString() });
  await subscription.idle();
  await settled(stage.worker, "user", 1);
  // At the beginning of a second, so that all of it is in one.
  await nextSecond();
  incident.silently((silent) => silent.acknowledge());
  const held = holdNext(stage.pagerduty.faults, "api", "hold", (_, path) => path.startsWith("/incidents?"));
  const reconciled = call("POST", "/reconcile");
  await held.underWay();
  incident.resolve();
  await subscription.idle();
  await settled(stage.worker, "user", 2);
  held.release();
  await reconciled;
  expect((await call("GET", `/incidents/${incident.id}`)).body).toMatchObject({ status: "resolved" });
});
