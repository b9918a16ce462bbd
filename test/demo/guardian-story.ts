import type { Incident, Subscription } from "../emulator/pagerduty.ts";
import { until } from "../support/until.ts";
import type { Check } from "./check.ts";
import type { Stage } from "./stage.ts";

/**
 * What breaks most integrations without a word: the signing secret is wrong, PagerDuty switches the webhook
 * off after three refusals, and incidents go on. @returns what has to hold afterwards
 */
export async function playGuardian(stage: Stage): Promise<Check[]> {
  const [subscription] = [...stage.account.subscriptions.values()];
  if (!subscription) throw new Error("There is no webhook at PagerDuty");
  const refused = await breakSecret(stage, subscription);
  const meanwhile = missIncidents(stage);
  await correctSecret(stage, subscription, [...refused, ...meanwhile]);
  return checks(stage, subscription, meanwhile);
}

async function breakSecret(stage: Stage, subscription: Subscription): Promise<Incident[]> {
  stage.transcript.step("Somebody stores a wrong signing secret; three webhooks are refused");
  await stage.connector.removeSigningSecrets();
  await stage.connector.storeSigningSecret("copied from somewhere else");
  const refused = ["Disk almost full", "Queue is growing", "Certificate expires"].map((title) =>
    stage.account.trigger({ title, priority: "P4" }),
  );
  await until("PagerDuty to switch the webhook off", () => subscription.temporarilyDisabled);
  stage.transcript.detail("PagerDuty has switched the webhook off, and says nothing");
  for (const problem of await stage.connector.problems()) stage.transcript.detail(`status: ${problem}`);
  return refused;
}

function missIncidents({ account, transcript }: Stage): Incident[] {
  transcript.step("Two more incidents happen, and no webhook comes");
  return [
    account.trigger({ title: "Checkout is down", priority: "P1" }),
    account.trigger({ title: "Search is slow", priority: "P3" }),
  ];
}

async function correctSecret(stage: Stage, subscription: Subscription, missed: Incident[]): Promise<void> {
  stage.transcript.step(
    "The right secret is stored: the webhook is switched on again, the incidents are recovered",
  );
  await stage.connector.storeSigningSecret(subscription.secret);
  try {
    await stage.aurora.waitFor("all missed incidents", ({ distinct }) =>
      missed.every(({ id }) => distinct.filter(({ data }) => data.incident.incidentId === id).length === 2),
    );
    await until("the webhook to be on again", () => !subscription.temporarilyDisabled);
  } finally {
    stage.feed.printNew();
  }
  for (const problem of await stage.connector.problems()) stage.transcript.detail(`status: ${problem}`);
}

function checks({ aurora }: Stage, subscription: Subscription, meanwhile: Incident[]): Check[] {
  const told = meanwhile.map(({ id }) => aurora.of(id).map(({ type }) => type));
  return [
    { claim: "the webhook is on again", expected: false, got: subscription.temporarilyDisabled },
    {
      claim: "Aurora got each missed incident once, and was asked to analyse it once",
      expected: meanwhile.map(() => ["incident.triggered", "incident.rca_requested"]),
      got: told,
    },
    {
      claim: "what was recovered says so",
      expected: ["backfill"],
      got: [
        ...new Set(
          meanwhile.flatMap(({ id }) => aurora.of(id).map(({ data }) => data.provenance.verification)),
        ),
      ],
    },
  ];
}
