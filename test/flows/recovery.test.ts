import { beforeEach, expect, test } from "vitest";
import { type Subscription, sign, webhookBody } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { nextSecond, until } from "../support/until.ts";

/** A recovery finds missed changes, even if one incident cannot be read. */

let subscription: Subscription;

const stage = openStage();
beforeEach(async () => {
  subscription = await stage.connect();
  // Makes the first check, so that tests count only the calls of later checks.
  await call("POST", "/reconcile");
  stage.pagerduty.clearRequests();
});

const { call } = stage;
const RUNBOOK = "http://localhost/runbook";
const isList = (path: string) => path.startsWith("/incidents?");
const asked = (part: string) => stage.pagerduty.requests.filter(({ path }) => path.includes(part)).length;
const detail = async (incidentId: string) => (await call("GET", `/incidents/${incidentId}`)).body;

test("a missed custom field of an open or a resolved incident is recovered once", async () => {
  const open = stage.account.trigger({ createdAt: "2020-01-01T00:00:00Z" });
  const over = stage.account.trigger({ createdAt: new Date(Date.now() - 60_000).toISOString() });
  over.resolve();
  await subscription.idle();
  await stage.settled(3);
  subscription.temporarilyDisabled = true;
  await nextSecond();
  for (const incident of [open, over]) incident.setField("runbook_link", RUNBOOK);
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 2 });
  for (const { id } of [open, over]) {
    expect(await detail(id)).toMatchObject({ customFields: { runbook_link: RUNBOOK } });
  }
  stage.pagerduty.clearRequests();
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 0 });
  // The resolved incident has not changed, so its fields are not read again.
  expect([asked(`${open.id}/custom_fields`), asked(`${over.id}/custom_fields`)]).toEqual([1, 0]);
});

test.each([403, 500])(
  "if PagerDuty answers %i for one incident, all other incidents are still recovered",
  async (status) => {
    const incidents = [1, 2, 3].map(() => stage.account.trigger({ createdAt: "2020-01-01T00:00:00Z" }));
    await subscription.idle();
    await stage.settled(3);
    const [unreadable, ...others] = incidents.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const incident of incidents) incident.silently((silent) => silent.resolve());
    stage.pagerduty.faults.api = {
      status,
      match: (_, path) => path.startsWith(`/incidents/${unreadable?.id}`),
    };
    const stopped = await call("POST", "/reconcile");
    expect(stopped.status).toBe(status === 403 ? 200 : 502);
    for (const { id } of others) expect(await detail(id)).toMatchObject({ status: "resolved" });
    stage.pagerduty.faults.api = null;
    expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 1 });
    expect(await detail(unreadable?.id ?? "")).toMatchObject({ status: "resolved" });
  },
);

test.each([429, 500])(
  "an incident is sent with its custom fields, even if PagerDuty's first answer about them is %i",
  async (status) => {
    const incident = stage.account.trigger({ silent: true, customFields: { runbook_link: RUNBOOK } });
    stage.pagerduty.faults.api = {
      status,
      headers: { "ratelimit-reset": "1" },
      times: 1,
      match: (_, path) => path.includes("custom_fields"),
    };
    const stopped = await call("POST", "/reconcile");
    expect(stopped.status).not.toBe(200);
    await until("a completed check", async () => (await call("POST", "/reconcile")).status === 200);
    await stage.settled(0);
    const [first, ...more] = stage.aurora.of(incident.id);
    expect(first?.data.incident.customFields).toEqual({ runbook_link: RUNBOOK });
    expect(more.map(({ type }) => type)).toEqual(["incident.rca_requested"]);
  },
);

test("if five checks fail to read an incident's custom fields, the incident is sent without them", async () => {
  const incident = stage.account.trigger({ silent: true });
  stage.pagerduty.faults.api = { status: 500, match: (_, path) => path.includes("custom_fields") };
  for (let time = 0; time < 5; time += 1) await call("POST", "/reconcile");
  await stage.settled(0);
  expect(stage.aurora.of(incident.id)[0]).toMatchObject({ type: "incident.triggered" });
});

test("if an acknowledgement with a time in the future hides a resolution, a check finds the resolution after five minutes", async () => {
  const incident = stage.account.trigger({ silent: true });
  const post = (status: string, type: string, atMs: number) => {
    const event = JSON.parse(webhookBody(incident.announce())).event;
    const occurred_at = new Date(atMs).toISOString();
    const data = { ...event.data, status };
    const body = JSON.stringify({ event: { ...event, event_type: type, occurred_at, data } });
    const headers = { "x-webhook-id": type, "x-pagerduty-signature": sign(subscription.secret, body) };
    return stage.worker.request(`/pagerduty/webhook/${stage.user}`, { method: "POST", headers, body });
  };
  incident.silently((silent) => silent.resolve());
  await post("acknowledged", "incident.acknowledged", Date.now() + 3_600_000);
  await post("resolved", "incident.resolved", Date.now());
  await stage.settled(2);
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 0 });
  await stage.sql("UPDATE incidents SET updated_at_ms = updated_at_ms - 300000");
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 1 });
  await stage.settled(0);
  expect(stage.aurora.of(incident.id).at(-1)).toMatchObject({
    type: "incident.resolved",
    data: { incident: { status: "resolved" } },
  });
});

test.each<[string, object]>([
  ["contains no usable incident", { id: 7 }],
  ["repeats its incidents", { id: "PMORE", status: "triggered", created_at: new Date().toISOString() }],
])("a recovery reads only a few pages of an endless list that %s", async (_, incident) => {
  stage.pagerduty.faults.api = {
    body: JSON.stringify({ incidents: [incident], more: true }),
    match: (_, path) => isList(path),
  };
  expect((await call("POST", "/reconcile")).status).toBe(200);
  expect(asked("/incidents?")).toBeLessThan(10);
});

test("a recovery searches only the incidents that the subscription's filter selects", async () => {
  subscription.filter = { type: "service_reference", id: "PANOTHER" };
  const incident = stage.account.trigger({ silent: true });
  expect((await call("POST", "/reconcile")).body).toMatchObject({ checked: 0, recovered: 0 });
  subscription.filter = { type: "service_reference", id: stage.account.service.id };
  expect((await call("POST", "/reconcile")).body).toMatchObject({ checked: 1, recovered: 1 });
  expect(await detail(incident.id)).toMatchObject({ status: "investigating" });
});

test("if an incident was resolved before its recovery, only its first reopening requests analysis", async () => {
  subscription.temporarilyDisabled = true;
  const incident = stage.account.trigger();
  incident.resolve();
  subscription.temporarilyDisabled = false;
  await call("POST", "/reconcile");
  await stage.settled(0);
  expect(stage.aurora.of(incident.id).map(({ type }) => type)).toEqual(["incident.resolved"]);
  for (let time = 0; time < 2; time += 1) {
    incident.reopen();
    incident.resolve();
  }
  await subscription.idle();
  await stage.settled(4);
  const types = stage.aurora.of(incident.id).map(({ type }) => type);
  expect(types.filter((type) => type === "incident.rca_requested")).toHaveLength(1);
});

test("if a rate limit stopped a check, the next check continues with the incidents that were not read", async () => {
  const open = Array.from({ length: 3 }, () => stage.account.trigger({ createdAt: "2020-01-01T00:00:00Z" }));
  await subscription.idle();
  await stage.settled(3);
  for (const incident of open) incident.silently((silent) => silent.resolve());
  const [first] = open.map(({ id }) => id).sort();
  stage.pagerduty.faults.api = {
    status: 429,
    headers: { "ratelimit-reset": "1" },
    times: 1,
    match: (_, path) =>
      path.startsWith("/incidents/") && !path.includes(first ?? "") && !path.includes("custom"),
  };
  expect((await call("POST", "/reconcile")).status).toBe(429);
  stage.pagerduty.clearRequests();
  await until("a completed check", async () => (await call("POST", "/reconcile")).status === 200);
  expect(asked(`/incidents/${first}`)).toBe(0);
  for (const { id } of open) expect(await detail(id)).toMatchObject({ status: "resolved" });
});

test.each([402, 410])(
  "custom fields for which PagerDuty always answers %i do not stop a recovery",
  async (status) => {
    const incidents = [1, 2, 3, 4].map(() => stage.account.trigger({ silent: true }));
    stage.pagerduty.faults.api = { status, match: (_, path) => path.includes("custom_fields") };
    const reply = await call("POST", "/reconcile");
    expect([reply.status, reply.body]).toMatchObject([200, { recovered: 4 }]);
    for (const { id } of incidents) expect(await detail(id)).toMatchObject({ customFields: {} });
    const said = stage.worker
      .logs()
      .filter((line) => line.includes('"check.without_fields"') && line.includes(stage.user));
    expect(said).toHaveLength(1);
  },
);

test("the next check finds an incident that was reopened 40 hours after its creation, without a webhook", async () => {
  const incident = stage.account.trigger({
    createdAt: new Date(Date.now() - 40 * 3600 * 1000).toISOString(),
  });
  incident.resolve();
  await subscription.idle();
  await stage.settled(2);
  await nextSecond();
  incident.silently((silent) => silent.reopen());
  expect((await call("POST", "/reconcile")).body).toMatchObject({ recovered: 1 });
  expect(await detail(incident.id)).toMatchObject({ status: "investigating" });
});

test("a check of many incidents reads the custom fields of each incident once", async () => {
  subscription.temporarilyDisabled = true;
  const missed = Array.from({ length: 60 }, () => stage.account.trigger());
  expect((await call("POST", "/reconcile")).body).toMatchObject({ checked: 60, recovered: 60 });
  for (const { id } of missed) expect([id, asked(`${id}/custom_fields`)]).toEqual([id, 1]);
});
