import { withLocalTimes } from "../../scripts/terminal/times.ts";
import type { Incident, Subscription } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import type { Check } from "./check.ts";
import type { Stage } from "./stage.ts";

/** Plays a failure: a wrong signing secret is stored, and PagerDuty disables the webhook after three refusals. */
export async function playGuardian(stage: Stage): Promise<Check[]> {
  const [subscription] = [...stage.account.subscriptions.values()];
  if (!subscription) throw new Error("There is no webhook at PagerDuty");
  const refused = await breakSecret(stage, subscription);
  const next = await correctSecret(stage, subscription);
  return checks(stage, subscription, [...refused, next]);
}

async function breakSecret(stage: Stage, subscription: Subscription): Promise<Incident[]> {
  stage.transcript.step(
    "Somebody stores a wrong signing secret; three webhooks are refused, and PagerDuty disables the webhook",
  );
  await stage.connector.removeSigningSecrets();
  await stage.connector.storeSigningSecret("copied from somewhere else");
  const refused = ["Disk almost full", "Queue is growing", "Certificate expires"].map((title) =>
    stage.account.trigger({ title, priority: "P4" }),
  );
  await until("three refused webhooks", () => droppedBy(subscription) >= refused.length);
  stage.transcript.detail("The next check enables it again, and reads the refused incidents from PagerDuty");
  await stage.connector.reconcile();
  await received(stage, refused);
  await printProblems(stage);
  return refused;
}

const droppedBy = ({ deliveries }: Subscription) =>
  deliveries.filter(({ state }) => state === "dropped").length;

async function correctSecret(stage: Stage, subscription: Subscription): Promise<Incident> {
  stage.transcript.step("The right secret is stored, and another incident happens");
  await stage.connector.storeSigningSecret(subscription.secret);
  const next = stage.account.trigger({ title: "Checkout is down", priority: "P1" });
  await received(stage, [next]);
  await stage.aurora.runWaiting();
  await printProblems(stage);
  return next;
}

async function received(stage: Stage, incidents: readonly Incident[]): Promise<void> {
  const { aurora, feed } = stage;
  const isIn = ({ number }: Incident) => aurora.tables.incidents.some((row) => row.number === number);
  try {
    await until("the incidents in Aurora", () => incidents.every(isIn));
    await until("Aurora's answers", () => aurora.calls.every(({ status }) => status !== null));
  } finally {
    feed.printNew();
  }
}

async function printProblems({ connector, transcript }: Stage): Promise<void> {
  for (const problem of await connector.problems()) transcript.detail(`status: ${withLocalTimes(problem)}`);
}

function checks({ aurora }: Stage, subscription: Subscription, incidents: readonly Incident[]): Check[] {
  const { events, prompts } = aurora.tables;
  const once = incidents.map(() => 1);
  return [
    { claim: "the webhook is enabled again", expected: false, got: subscription.temporarilyDisabled },
    {
      claim: "Aurora got each of these incidents once",
      expected: once,
      got: incidents.map(({ id }) => events.filter(({ incidentId }) => incidentId === id).length),
    },
    {
      claim: "Aurora analysed each of them once",
      expected: once,
      got: incidents.map(({ id }) => prompts.filter(({ incidentId }) => incidentId === id).length),
    },
  ];
}
