import { expect, test } from "vitest";
import { holdNext } from "../support/held-call.ts";
import { openStage } from "../support/stage.ts";
import { nextSecond } from "../support/until.ts";
import { settled } from "../support/worker.ts";
import { connectUser } from "../support/world.ts";

/** A REST answer that is older than an event must not undo the event. */

const stage = openStage();

test("a REST answer made before an event does not undo the event, even within the same second", async () => {
  const account = stage.pagerduty.account();
  const subscription = await connectUser(stage, "user", account);
  const call = (method: string, path: string) => stage.worker.call("user", method, `/pagerduty${path}`);
  const incident = account.trigger({ createdAt: new Date(Date.now() - 60_000).toISOString() });
  await subscription.idle();
  await settled(stage.worker, "user", 1);
  // Waits for a new second, so that the acknowledgement and the resolution happen within that second.
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
