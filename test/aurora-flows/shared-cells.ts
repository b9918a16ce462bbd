import { expect, test } from "vitest";
import { type Incident, sign, webhookBody } from "../emulator/pagerduty.ts";
import type { BackendStage } from "../support/backend-world.ts";
import { nextSecond, until } from "../support/until.ts";
import { addWebhook, allProcessed, LATENCY, openWebhook } from "./story.ts";

/**
 * Tests the statements in the table "What Aurora then has" (docs/deploy.md) that hold for the receiver and for Aurora's
 * own route.
 */
export function testSharedCells(stage: BackendStage): void {
  const row = () => stage.aurora.tables.incidents[0];

  test("a triggered incident gets one row with severity and service, a summary, and an analysis with the whole incident", async () => {
    await openWebhook(stage);
    const incident = stage.account.trigger(LATENCY);
    await allProcessed(stage, 1);
    await stage.aurora.runWaiting();
    const { tables } = stage.aurora;
    expect(tables.incidents).toMatchObject([
      {
        userId: stage.editor,
        organisation: stage.organisation,
        number: incident.number,
        title: LATENCY.title,
        service: "API Service",
        severity: "critical",
        metadata: { incidentId: incident.id, urgency: "high", priority: "P1" },
      },
    ]);
    expect(tables).toMatchObject({ summaries: [{ number: incident.number }], drops: [] });
    const [prompt, ...more] = tables.prompts;
    expect(more).toEqual([]);
    for (const part of [`"title": "${LATENCY.title}"`, '"service": "API Service"', '"name": "P1"'])
      expect(prompt?.text).toContain(part);
  });

  test("an acknowledged incident gets no second row, summary or analysis", async () => {
    await openWebhook(stage);
    const incident = stage.account.trigger(LATENCY);
    await allProcessed(stage, 1);
    incident.acknowledge();
    await allProcessed(stage, 2);
    await stage.aurora.runWaiting();
    expect(stage.aurora.tables.events.map(({ status }) => status)).toEqual(["triggered", "acknowledged"]);
    expect(stage.aurora.tables).toMatchObject({ incidents: [{}], prompts: [{}], summaries: [{}], drops: [] });
  });

  test("the row of a resolved incident has the status `resolved`", async () => {
    await openWebhook(stage);
    const incident = stage.account.trigger(LATENCY);
    await allProcessed(stage, 1);
    incident.resolve();
    await allProcessed(stage, 2);
    expect(row()).toMatchObject({ status: "resolved", severity: "critical" });
  });

  test("the row of a reopened incident has the status `investigating` again", async () => {
    await openWebhook(stage);
    const incident = stage.account.trigger(LATENCY);
    await allProcessed(stage, 1);
    incident.resolve();
    await allProcessed(stage, 2);
    incident.reopen();
    await allProcessed(stage, 3);
    expect(row()).toMatchObject({ status: "investigating" });
    expect(row()?.lifecycle.map(({ to }) => to)).toEqual(["investigating", "resolved", "investigating"]);
    expect(stage.aurora.tables.drops).toEqual([]);
  });

  test("a changed priority changes the severity", async () => {
    await openWebhook(stage);
    const incident = stage.account.trigger({ ...LATENCY, priority: "P4" });
    await allProcessed(stage, 1);
    expect(row()).toMatchObject({ severity: "low", metadata: { priority: "P4" } });
    incident.setPriority("P1");
    await allProcessed(stage, 2);
    expect(row()).toMatchObject({ severity: "critical", metadata: { priority: "P1" } });
    expect(stage.aurora.tables.drops).toEqual([]);
  });

  test("custom fields are in the row and in the analysis, and a changed field has its new value", async () => {
    await openWebhook(stage);
    const incident = stage.account.trigger(LATENCY);
    await allProcessed(stage, 1);
    incident.setField("team", "payments");
    incident.setField("tier", "1");
    await allProcessed(stage, 3);
    incident.setField("tier", "2");
    await allProcessed(stage, 4);
    expect(row()).toMatchObject({ metadata: { customFields: { team: "payments", tier: "2" } } });
    await stage.aurora.runWaiting();
    const text = stage.aurora.tables.prompts[0]?.text;
    for (const part of ['"team": "payments"', '"tier": "2"']) expect(text).toContain(part);
  });

  test("if a webhook has no incident number, the row has the number that the connector read from PagerDuty", async () => {
    await openWebhook(stage);
    const incident = stage.account.trigger({ ...LATENCY, omitNumber: true });
    await allProcessed(stage, 1);
    expect(stage.aurora.tables).toMatchObject({ incidents: [{ number: incident.number }], drops: [] });
  });

  test("an incident whose webhook was missed gets a row, and an analysis with its custom fields", async () => {
    await openWebhook(stage);
    await stage.call("POST", "/reconcile");
    await nextSecond();
    const incident = stage.account.trigger({
      ...LATENCY,
      customFields: { team: "payments" },
      silent: true,
    });
    await stage.call("POST", "/reconcile");
    await allProcessed(stage, 0);
    await stage.aurora.runWaiting();
    expect(stage.aurora.tables).toMatchObject({
      incidents: [{ number: incident.number, severity: "critical" }],
      prompts: [{ number: incident.number, text: expect.stringContaining('"team": "payments"') }],
    });
  });

  test("an unsigned webhook makes a row if PagerDuty confirms its incident, and a forged webhook makes none", async () => {
    await stage.connectMirrored();
    await addWebhook(stage, false);
    const incident = stage.account.trigger(LATENCY);
    const forged = stage.pagerduty.account().trigger({ title: "forged" });
    const path = `/pagerduty/webhook/${stage.editor}`;
    const headers = { "x-webhook-id": "forged" };
    await stage.worker.request(path, { method: "POST", headers, body: webhookBody(forged.announce()) });
    const isAskedFor = ({ id }: Incident) =>
      stage.pagerduty.requests.some((request) => request.path.startsWith(`/incidents/${id}`));
    await until("both to be checked with PagerDuty", () => [incident, forged].every(isAskedFor));
    await until("the incident in Aurora", () => stage.aurora.tables.incidents.length > 0);
    expect(stage.aurora.tables.incidents).toMatchObject([{ number: incident.number, title: LATENCY.title }]);
  });

  test("a webhook that arrives twice makes one event and one summary", async () => {
    const subscription = await openWebhook(stage);
    const incident = stage.account.trigger(LATENCY);
    await allProcessed(stage, 1);
    const body = incident.events.map(webhookBody).join();
    const headers = {
      "x-webhook-id": subscription.deliveries[0]?.webhookId ?? "",
      "x-pagerduty-signature": sign(subscription.secret, body),
    };
    const path = `/pagerduty/webhook/${stage.editor}`;
    expect(await stage.worker.request(path, { method: "POST", headers, body })).toMatchObject({
      status: 202,
    });
    incident.acknowledge();
    await allProcessed(stage, 2);
    expect(stage.aurora.tables.events.map(({ status }) => status)).toEqual(["triggered", "acknowledged"]);
    expect(stage.aurora.tables.summaries).toHaveLength(1);
  });
}
