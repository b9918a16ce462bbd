import { beforeEach, expect, test } from "vitest";
import { type Incident, NEVER, type Subscription } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { connectUser, startWorld } from "../support/world.ts";

/** Each note of Aurora is written once on the incident at PagerDuty. */

const stage = openStage(() =>
  startWorld({
    DELIVERY_SCHEDULE: "0,0.2,0.2,0.2,0.2,0.2,0.2,0.2",
    FRONTEND_URL: "https://aurora.example.com",
  }),
);
const { call } = stage;
let subscription: Subscription;
let incident: Incident;
beforeEach(async () => {
  subscription = await stage.connect();
  incident = stage.account.trigger();
  await subscription.idle();
  await stage.settled(1);
  stage.pagerduty.clearRequests();
});

const CONTENT = "# Root cause\nA deployment **two minutes** before.";
const TEXT = "Root cause\n----------\n\nA deployment two minutes before.";
const signed = (text: string) => `${text}\n\n— Aurora, for ${stage.user}`;
const post = (body: Record<string, unknown>, id = incident.id) =>
  call("POST", `/incidents/${id}/notes`, body);
const list = async () => {
  const { body } = await call("GET", `/incidents/${incident.id}/notes`);
  return (body as { notes: Record<string, unknown>[] }).notes;
};
const atPagerDuty = () => incident.notes.map(({ content }) => content);
const writes = () => stage.pagerduty.requests.filter(({ method }) => method === "POST").length;
const isNotes = (_: string, path: string) => path.endsWith("/notes");
const written = (what: string) =>
  until(what, async () => (await list()).every(({ state }) => state === "written"));

test("a note is written, signed and listed with its state, and PagerDuty's webhook about it is not sent to Aurora", async () => {
  const reply = await post({ content: CONTENT, url: "https://aurora.example.com/incidents/7" });
  expect([reply.status, reply.body]).toEqual([202, { noteId: expect.any(String) }]);
  await written("the note is written");
  expect(atPagerDuty()).toEqual([signed(`${TEXT}\n\nhttps://aurora.example.com/incidents/7`)]);
  expect(await list()).toEqual([
    expect.objectContaining({
      ...(reply.body as object),
      incidentId: incident.id,
      state: "written",
      text: atPagerDuty()[0],
      createdBy: stage.user,
      attempts: 1,
      pagerdutyId: incident.notes[0]?.id,
      error: null,
    }),
  ]);
  await subscription.idle();
  await stage.settled(2);
  const { body } = await call("GET", "/events");
  expect((body as { events: unknown[] }).events[0]).toMatchObject({
    type: "incident.annotated",
    reason: "A note that Aurora wrote",
  });
  incident.annotate("A person's own");
  await subscription.idle();
  await stage.settled(3);
  const later = await call("GET", "/events");
  expect((later.body as { events: unknown[] }).events[0]).toMatchObject({ reason: null });
  expect(stage.aurora.of(incident.id).map(({ type }) => type)).toEqual([
    "incident.triggered",
    "incident.rca_requested",
  ]);
});

test("a repeated idempotency key writes no second note, and gets 409 if the content differs; without a key each request writes a note", async () => {
  const first = await post({ content: "a", idempotencyKey: "k" });
  expect((await post({ content: "a", idempotencyKey: "k" })).body).toEqual(first.body);
  const conflict = await post({ content: "b", idempotencyKey: "k" });
  expect([conflict.status, conflict.body]).toMatchObject([409, { code: "idempotency_conflict" }]);
  await post({ content: "a" });
  await post({ content: "a" });
  await written("all notes are written");
  expect(atPagerDuty()).toEqual([signed("a"), signed("a"), signed("a")]);
});

test("a note that is requested while PagerDuty is unavailable is written once, even if the object restarts", async () => {
  stage.pagerduty.faults.api = { status: 503, match: isNotes };
  expect((await post({ content: CONTENT, idempotencyKey: "k" })).status).toBe(202);
  await expect.poll(list).toMatchObject([{ state: "pending", error: "PagerDuty answered 503" }]);
  await stage.worker.restart();
  stage.pagerduty.faults.api = null;
  await written("the note is written");
  expect((await post({ content: CONTENT, idempotencyKey: "k" })).status).toBe(202);
  expect(atPagerDuty()).toEqual([signed(TEXT)]);
});

test.each(["cut", "held"])(
  "if PagerDuty's answer to a note is lost (%s), the note is searched for before it is written again",
  async (how) => {
    // Without a subscription, no webhook from PagerDuty can confirm the note.
    stage.account.unsubscribe(subscription.id);
    const match = (method: string, path: string) => method === "POST" && isNotes(method, path);
    stage.pagerduty.faults.api =
      how === "cut" ? { cut: true, times: 1, match } : { hold: NEVER, times: 1, match };
    expect((await post({ content: CONTENT })).status).toBe(202);
    await expect.poll(atPagerDuty).toEqual([signed(TEXT)]);
    if (how === "held") await stage.worker.restart();
    // Makes the connector check the interrupted attempt now instead of after a minute.
    await stage.sql("UPDATE notes SET next_attempt_at_ms = 0");
    await call("POST", "/deliveries/redeliver");
    await written("the note is found");
    expect(atPagerDuty()).toEqual([signed(TEXT)]);
    expect(writes()).toBe(1);
  },
);

test("if PagerDuty's answer to a note is lost, PagerDuty's webhook about the note confirms it", async () => {
  const match = (method: string, path: string) => method === "POST" && isNotes(method, path);
  stage.pagerduty.faults.api = { hold: NEVER, times: 1, match };
  expect((await post({ content: CONTENT })).status).toBe(202);
  await written("the note is recognised");
  expect(await list()).toMatchObject([{ pagerdutyId: incident.notes[0]?.id }]);
  expect(writes()).toBe(1);
});

test("if the credential cannot write, a note gets 403 and is not stored, and the status shows the missing capability", async () => {
  const capability = async () => {
    const { body } = await call("GET", "");
    return (body as { capabilities: Record<string, unknown> }).capabilities["can_write_incidents"];
  };
  await post({ content: "x" });
  await expect.poll(capability).toBe(true);
  await call("PATCH", "", { token: stage.account.apiKey({ write: false }) });
  expect(await capability()).toBeUndefined();
  const refused = await post({ content: "y" });
  expect([refused.status, refused.body]).toMatchObject([403, { code: "write_access_required" }]);
  expect([await capability(), (await list()).length]).toEqual([false, 1]);
});

test("with an account-level key, `from` must name the PagerDuty user who writes the note", async () => {
  await call("PATCH", "", { token: stage.account.apiKey({ kind: "account" }) });
  const reply = await post({ content: "x" });
  expect([reply.status, reply.body]).toMatchObject([400, { error: expect.stringContaining("from") }]);
  expect((await post({ content: "x", from: "nobody" })).status).toBe(400);
  expect((await post({ content: "x", from: stage.account.user.email })).status).toBe(202);
  await written("the note is written");
  expect(atPagerDuty()).toEqual([signed("x")]);
  await post({ content: "x", from: "stranger@example.com" });
  await expect
    .poll(async () => (await list())[0])
    .toMatchObject({
      state: "failed",
      error: expect.stringContaining("User Not Found"),
    });
});

test("a malformed note, a note on an unknown incident and a note that is too large are refused", async () => {
  const statuses = await Promise.all(
    [
      post({}),
      post({ content: " " }),
      post({ content: "<!-- nothing -->" }),
      post({ content: "x", url: "https://evil.example.com/" }),
      post({ content: "x", idempotencyKey: "" }),
      post({ content: "x" }, "PUNKNOWN"),
      stage.worker.call(stage.user, "POST", `/pagerduty/incidents/${incident.id}/notes`, {
        declaredBytes: 128 * 1024 + 1,
      }),
    ].map(async (reply) => (await reply).status),
  );
  expect(statuses).toEqual([400, 400, 400, 400, 400, 404, 413]);
  expect((await post({ content: "x".repeat(100 * 1024) })).status).toBe(202);
  await written("the long note is written");
  expect(atPagerDuty()[0]).toHaveLength(25_000);
  const stranger = "a-stranger";
  await connectUser(stage, stranger, stage.pagerduty.account());
  const theirs = await stage.worker.call(stranger, "GET", `/pagerduty/incidents/${incident.id}/notes`);
  expect(theirs.status).toBe(404);
});

test("at most 30 notes an hour are accepted for an incident, and 200 for a connection", async () => {
  await post({ content: "first", idempotencyKey: "k" });
  const copy = (incidentId: string, count: number) =>
    stage.sql(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
       INSERT INTO notes (note_id, incident_id, created_at_ms, user_id, text, state)
       SELECT '${incidentId}' || i, '${incidentId}', ${Date.now()}, 'u', 't', 'written' FROM n`,
    );
  await copy(incident.id, 29);
  const limited = await post({ content: "more" });
  expect([limited.status, limited.body]).toMatchObject([429, { code: "rate_limited" }]);
  expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(3000);
  // A repeated request writes no new note, so the limit does not apply to it.
  expect((await post({ content: "first", idempotencyKey: "k" })).status).toBe(202);
  const other = stage.account.trigger();
  await subscription.idle();
  await stage.settled(3);
  expect((await post({ content: "x" }, other.id)).status).toBe(202);
  await copy("POTHER", 169);
  expect((await post({ content: "x" }, other.id)).status).toBe(429);
});
