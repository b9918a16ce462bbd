import { expect, test } from "vitest";
import { openStage } from "../support/stage.ts";
import { settled } from "../support/worker.ts";
import { connectUser } from "../support/world.ts";

const stage = openStage();

test("an incident's notifications reach Aurora in order and signed, with the right severity, status and fields", async () => {
  const { pagerduty, worker, aurora } = stage;
  const account = pagerduty.account({ subdomain: "acme" });
  const subscription = await connectUser(stage, "alice", account);

  const incident = account.trigger({ title: "API latency above 2 s", urgency: "high", priority: "P1" });
  await aurora.waitFor("the incident", ({ accepted }) => accepted.length >= 1);
  incident.setField("runbook_link", "http://localhost/runbook");
  incident.acknowledge();
  incident.resolve();
  await subscription.idle();
  await settled(worker, "alice", 4);

  const notified = aurora
    .of(incident.id)
    .map(({ type, data }) => [type, data.incident.version, data.incident.status]);
  expect(notified.filter(([type]) => type !== "incident.rca_requested")).toEqual([
    ["incident.triggered", 1, "investigating"],
    ["incident.custom_fields_updated", 2, "investigating"],
    ["incident.acknowledged", 3, "investigating"],
    ["incident.resolved", 4, "resolved"],
  ]);
  expect(notified.filter(([type]) => type === "incident.rca_requested")).toHaveLength(1);
  const last = aurora.of(incident.id).at(-1)?.data.incident;
  expect(last).toMatchObject({
    severity: "critical",
    sourceAlertId: String(incident.number),
    incidentId: incident.id,
    priority: "P1",
    customFields: { runbook_link: "http://localhost/runbook" },
  });
  expect(aurora.attempts.every(({ signatureValid }) => signatureValid)).toBe(true);
});
