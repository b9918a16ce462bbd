import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OPENAPI_FILE, openApiText } from "../../scripts/openapi.ts";
import { LiveMessage } from "../../src/contract/answers.ts";
import { CALLS } from "../../src/contract/calls.ts";
import { NotificationBody, V3Body } from "../../src/contract/sent.ts";
import { holdNext } from "../support/held-call.ts";
import { until } from "../support/until.ts";
import { watch } from "../support/watcher.ts";
import { type CallOptions, INTERNAL_SECRET, type Reply, settled, startWorker } from "../support/worker.ts";
import { connectUser, OWN_ROUTE, startWorld, type World } from "../support/world.ts";
import { asObject, at, ExampleRecorder, examplesIn, operationsIn, undescribed } from "./documented.ts";

test("the OpenAPI document in the repository is the one that `npm run openapi` generates", () => {
  expect(readFileSync(OPENAPI_FILE, "utf8")).toBe(openApiText());
});

/** The tests of OAuth and of the console cover these calls. */
const ELSEWHERE = ["get /pagerduty/oauth/callback", "get /docs"];

describe("the OpenAPI document:", () => {
  let world: World;
  let validate: Ajv2020;
  let document: Record<string, unknown>;
  const covered = new Set<string>(ELSEWHERE);
  const examples = new ExampleRecorder();
  beforeAll(async () => {
    world = await startWorld({
      NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
      PAGERDUTY_CLIENT_ID: "your-client-id",
      PAGERDUTY_CLIENT_SECRET: "your-client-secret",
    });
    const { body } = await world.worker.request("/openapi.json");
    validate = new Ajv2020({ strict: false, allErrors: true });
    validate.addFormat("date-time", (text) => !Number.isNaN(Date.parse(text)));
    document = asObject(body);
  });
  afterAll(async () => {
    const [sent] = world.aurora.accepted;
    if (sent) examples.noteSent("notifications", sent);
    const shownUrl = "https://aurora-pagerduty.acme.workers.dev";
    examples.save([
      [world.worker.url, shownUrl],
      [encodeURIComponent(world.worker.url), encodeURIComponent(shownUrl)],
      [world.aurora.url, "https://aurora.acme.example/events"],
      [world.pagerduty.apiUrl, "https://api.pagerduty.com"],
      [world.pagerduty.identityUrl, "https://identity.pagerduty.com"],
    ]);
    await world.close();
  });

  async function checked(
    method: string,
    path: string,
    options: CallOptions = {},
    template = path,
    worker = world.worker,
  ): Promise<Reply> {
    const reply = await worker.call("alice", method.toUpperCase(), path, options);
    const call = decodeURIComponent(new URL(template, "http://any").pathname);
    const isOwn = hold(method, call, reply.status, reply.body);
    examples.note(`${method} ${call}`, options.body, reply, isOwn);
    return reply;
  }

  /** @returns false if the document describes the answer by a `$ref` to a shared answer */
  function hold(method: string, template: string, status: number, body: unknown): boolean {
    covered.add(`${method} ${template}`);
    const answers = at(document, "paths", template, method, "responses");
    if (!(status in answers))
      throw new Error(`${method} ${template} answered ${status}, which is not documented`);
    const { $ref } = at(answers, String(status));
    const answer =
      typeof $ref === "string" ? at(document, ...$ref.split("/").slice(1)) : at(answers, String(status));
    const { components } = document;
    const schema = { ...at(answer, "content", "application/json", "schema"), components };
    const holds = validate.validate(schema, body);
    expect(holds ? [] : validate.errors, `${method} ${template} ${status} ${JSON.stringify(body)}`).toEqual(
      [],
    );
    return typeof $ref !== "string";
  }

  test("the answers to all documented calls fit the document", async () => {
    const { pagerduty } = world;
    const account = pagerduty.account();
    await checked("get", "/healthz");
    await checked("get", "/");
    const reference = await checked("get", "/openapi.json");
    expect(reference.headers.get("cache-control")).toBe("no-store");
    const webhook = (options: CallOptions) =>
      checked("post", "/pagerduty/webhook/alice", options, "/pagerduty/webhook/{userId}");
    expect((await webhook({ body: {} })).status).toBe(404);
    await checked("get", "/pagerduty");
    for (const path of ["/pagerduty/incidents", "/pagerduty/events", "/pagerduty/activity"]) {
      expect((await checked("get", path)).status).toBe(404);
    }
    await checked("post", "/pagerduty", { body: { token: "" } });
    await checked("post", "/pagerduty", { body: { token: "wrong" } });
    await checked("post", "/pagerduty", { body: { token: account.apiKey(), subscribe: true } });
    await checked("patch", "/pagerduty", { body: { token: account.apiKey() } });
    expect((await webhook({ raw: "x" })).status).toBe(401);
    expect((await webhook({ declaredBytes: 300_000 })).status).toBe(413);
    for (const path of ["/reconcile", "/subscription/ping", "/subscription/enable"]) {
      expect((await checked("post", `/pagerduty${path}`, { declaredBytes: 300_000 })).status).toBe(413);
    }
    await checked("get", "/pagerduty/webhook-url");
    await checked("put", "/pagerduty/signing-secret", { body: {} });
    await checked("put", "/pagerduty/signing-secret", { body: { secret: "one more" } });
    await checked("get", "/pagerduty/subscription");
    await checked("post", "/pagerduty/subscription", { body: { filter: { type: "account_reference" } } });
    await checked("post", "/pagerduty/subscription/ping");
    await checked("post", "/pagerduty/subscription/enable");

    world.aurora.answer = ({ index }) => ({ status: index === 0 ? 500 : 202 });
    const incident = account.trigger({ title: "Documented", priority: "P1" });
    incident.setField("runbook_link", "http://localhost/runbook");
    incident.resolve();
    await until("four webhooks in the journal", async () => {
      const rows = await world.worker.sql("alice", "SELECT 1 FROM journal WHERE kind = 'webhook'");
      return rows.length >= 4;
    });
    await settled(world.worker, "alice", 4);
    await checked("get", "/pagerduty");
    await checked("get", "/pagerduty/incidents?status=resolved&limit=1");
    await checked("get", "/pagerduty/incidents?limit=1000");
    await checked("get", `/pagerduty/incidents/${incident.id}`, {}, "/pagerduty/incidents/{incidentId}");
    await checked("get", "/pagerduty/incidents/PNOTHING", {}, "/pagerduty/incidents/{incidentId}");
    const notes = `/pagerduty/incidents/${incident.id}/notes`;
    const template = "/pagerduty/incidents/{incidentId}/notes";
    const note = await checked("post", notes, { body: { content: "Found it." } }, template);
    expect(note.status).toBe(202);
    await checked("post", notes, { body: { content: "" } }, template);
    await checked("get", notes, {}, template);
    const events = asObject((await checked("get", "/pagerduty/events?limit=2&counts=true")).body);
    const [event] = Array.isArray(events["events"]) ? events["events"] : [];
    const webhookId = String(asObject(event)["webhookId"]);
    await checked("get", `/pagerduty/events/${webhookId}`, {}, "/pagerduty/events/{webhookId}");
    const delivered = asObject((await checked("get", "/pagerduty/deliveries?state=delivered")).body);
    const [delivery] = Array.isArray(delivered["deliveries"]) ? delivered["deliveries"] : [];
    const id = String(asObject(delivery)["id"]);
    expect(
      (await checked("get", `/pagerduty/deliveries/${id}`, {}, "/pagerduty/deliveries/{id}")).status,
    ).toBe(200);
    await checked("get", "/pagerduty/deliveries/msg_nothing", {}, "/pagerduty/deliveries/{id}");
    await checked("get", "/pagerduty/deliveries?state=lost");
    await checked("post", "/pagerduty/deliveries/redeliver", { body: { ids: [id] } });
    await checked("post", "/pagerduty/deliveries/redeliver", {
      body: { since: "2026-01-01T00:00:00Z", error: "refused" },
    });
    await checked("get", "/pagerduty/deliveries/redeliver");
    await checked("delete", "/pagerduty/deliveries/redeliver");
    await checked("post", "/pagerduty/events/retry", { body: { ids: [webhookId] } });
    await checked("get", "/pagerduty/activity");
    await checked("post", "/pagerduty/reconcile");
    await checked("get", "/pagerduty/live");
    await checked("delete", "/pagerduty/subscription");
    await checked("get", "/pagerduty/subscription");
    const again = { body: { filter: { type: "account_reference" } } };
    expect((await checked("post", "/pagerduty/subscription", again)).status).toBe(201);
    await checked("delete", "/pagerduty/subscription");
    await checked("post", "/pagerduty/oauth/login", { body: {} });
    await checked("delete", "/pagerduty/signing-secret");
    expect((await webhook({ body: { event: {} } })).status).toBe(400);
    const type = { event_type: "service.updated", resource_type: "service" };
    const unsigned = { event: { id: "e", ...type, occurred_at: "2026-11-22T03:00:00Z" } };
    expect((await webhook({ body: unsigned })).status).toBe(202);
    await checked("delete", "/pagerduty");
    expect([...covered].sort()).toEqual(CALLS.map(({ method, path }) => `${method} ${path}`).sort());
  });

  test("the answers to failed calls fit the document", async () => {
    const { pagerduty } = world;
    const token = pagerduty.account().apiKey();
    const statusOf = async (options: CallOptions, method = "post") =>
      (await checked(method, "/pagerduty", options)).status;
    expect(await statusOf({ headers: { "x-internal-secret": "wrong" } }, "get")).toBe(403);
    expect(await statusOf({ headers: { "x-aurora-edge": "1" } }, "get")).toBe(508);
    pagerduty.faults.api = { status: 503 };
    expect(await statusOf({ body: { token } })).toBe(502);
    pagerduty.faults.api = { status: 429 };
    expect(await statusOf({ body: { token } })).toBe(429);
    pagerduty.faults.api = null;
    await world.worker.call("alice", "POST", "/pagerduty", { body: { token } });
    const other = pagerduty.account({ subdomain: "other" }).apiKey();
    expect(await statusOf({ body: { token: other } }, "patch")).toBe(409);
    const held = holdNext(pagerduty.faults, "api", "hold", (_, path) => path.startsWith("/users/me"));
    const connecting = statusOf({ body: { token } });
    await held.underWay();
    await world.worker.call("alice", "DELETE", "/pagerduty");
    held.release();
    expect(await connecting).toBe(404);
    const misconfigured = await startWorker({ CREDENTIALS_KEYS: "oops" });
    try {
      expect((await checked("get", "/pagerduty", {}, "/pagerduty", misconfigured)).status).toBe(503);
      expect((await checked("get", "/healthz", {}, "/healthz", misconfigured)).status).toBe(503);
    } finally {
      await misconfigured.close();
    }
  });

  test("every example in the document is valid", () => {
    const { components } = document;
    const sent = examplesIn(at(document, "webhooks"));
    expect(sent.length).toBe(2);
    const failures = examplesIn(at(document, "components", "responses"));
    expect(failures.length).toBeGreaterThan(8);
    const found = [...examplesIn(at(document, "paths")), ...failures, ...sent];
    expect(found.length).toBeGreaterThan(30);
    for (const { schema, example } of found) {
      const holds = validate.validate({ ...schema, components }, example);
      expect(holds ? [] : validate.errors, JSON.stringify(example)).toEqual([]);
    }
  });

  test("every operation, parameter, answer, property and tag is described", () => {
    expect(undescribed(document)).toEqual([]);
  });

  test("every operation has a unique name that is a valid identifier", () => {
    const names = operationsIn(document).map(([, { operationId }]) => String(operationId));
    expect(names.filter((name) => !/^[a-z]+([A-Z][a-z0-9]*)*$/.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  test("every DELETE says what it deletes", () => {
    const deletes = operationsIn(document).filter(([name]) => name.startsWith("delete "));
    expect(deletes.filter(([, operation]) => typeof operation["x-destroys"] !== "string")).toEqual([]);
  });

  test("503 is documented for every call that needs the settings or the storage", () => {
    const without = Object.entries(at(document, "paths")).flatMap(([path, methods]) =>
      Object.values(asObject(methods))
        .filter((operation) => !("503" in at(operation, "responses")))
        .map(() => path),
    );
    // These three document no 503: /docs and /openapi.json need neither settings nor storage, and the callback answers
    // a failure with a redirect.
    expect(without.sort()).toEqual(["/docs", "/openapi.json", "/pagerduty/oauth/callback"]);
  });

  test("notifications are sent to Aurora as documented", async () => {
    const account = world.pagerduty.account();
    await world.worker.call("carol", "POST", "/pagerduty", {
      body: { token: account.apiKey(), subscribe: true },
    });
    account.trigger({ title: "Sent" }).resolve();
    const sent = () => world.aurora.attempts.filter(({ body }) => body?.data.userId === "carol");
    await until("the notifications", () => sent().length >= 3);
    for (const { body } of sent()) NotificationBody.parse(body);
  });

  test("V3 events are sent to Aurora as documented", async () => {
    const v3 = await startWorld({ AURORA_EVENTS_FORMAT: "v3", AURORA_EVENTS_URL: OWN_ROUTE });
    try {
      const account = v3.pagerduty.account();
      await connectUser(v3, "alice", account);
      account.trigger({ title: "API latency above 2 s", priority: "P1" }).resolve();
      await v3.aurora.waitFor("both events", ({ attempts }) => attempts.length > 1);
      const { components } = document;
      const schema = at(
        document,
        "webhooks",
        "v3",
        "post",
        "requestBody",
        "content",
        "application/json",
        "schema",
      );
      for (const { raw } of v3.aurora.attempts) {
        const body = JSON.parse(new TextDecoder().decode(raw));
        V3Body.parse(body);
        const holds = validate.validate({ ...schema, components }, body);
        expect(holds ? [] : validate.errors, JSON.stringify(body)).toEqual([]);
        examples.noteSent("v3", body);
      }
    } finally {
      await v3.close();
    }
  });

  test("the messages over the WebSocket fit their schemas", async () => {
    const account = world.pagerduty.account();
    await world.worker.call("bob", "POST", "/pagerduty", {
      body: { token: account.apiKey(), subscribe: true },
    });
    const watcher = await watch(`${world.worker.url}/pagerduty/live`, {
      "x-internal-secret": INTERNAL_SECRET,
      "x-user-id": "bob",
    });
    if (typeof watcher === "number") throw new Error(`Refused with ${watcher}`);
    account.trigger().resolve();
    const types = () => new Set(watcher.messages.map(({ type }) => type));
    await watcher.waitFor("a message of each type", () => types().size === 3);
    for (const message of watcher.messages) LiveMessage.parse(message);
    await watcher.close();
  });
});
