import { describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import type { FaultPlan } from "../emulator/faults.ts";
import { NEVER } from "../emulator/pagerduty.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { INTERNAL_SECRET, startWorker } from "../support/worker.ts";
import { startWorld } from "../support/world.ts";

const stage = openStage(() => startWorld({ FRONTEND_URL: "https://aurora.example.com/" }));

const connect = (token: unknown, options: { user?: string; extra?: object; orgId?: string } = {}) =>
  stage.worker.call(options.user ?? stage.user, "POST", "/pagerduty", {
    body: { token, ...options.extra },
    headers: { "x-org-id": options.orgId ?? null },
  });
const status = (as = stage.user, headers: Record<string, string | null> = {}) =>
  stage.worker.call(as, "GET", "/pagerduty", { headers });

describe("who may call", () => {
  test.each([
    ["no secret", { "x-internal-secret": null }],
    ["an empty secret", { "x-internal-secret": "" }],
    ["a wrong secret", { "x-internal-secret": "wrong" }],
    ["a longer secret", { "x-internal-secret": `${INTERNAL_SECRET}x` }],
  ])("a call with %s gets 403 with the contract's error text", async (_, headers) => {
    const reply = await status("alice", headers);
    expect(reply.status).toBe(403);
    expect(reply.body).toEqual({
      error: "Forbidden: invalid or missing X-Internal-Secret header",
      code: "forbidden",
    });
    expect(reply.headers.get("cache-control")).toBe("no-store");
  });

  test("a call without X-User-ID gets 401", async () => {
    expect((await status("x", { "x-user-id": null })).status).toBe(401);
  });

  test.each(["../etc", "a/b", "a b", "-a", "ä", "x".repeat(129), "x".repeat(200)])(
    "a call with the user id %j gets 400",
    async (id) => {
      const reply = await status(stage.user, {
        "x-user-id": encodeURIComponent(id) === id ? id : encodeURI(id),
      });
      expect(reply.status).toBe(400);
      expect(reply.body).toMatchObject({ code: "invalid_user_id" });
    },
  );

  test("in dev a local call needs no secret, and a call through the tunnel is refused", async () => {
    const worker = await startWorker({
      AURORA_ENV: "dev",
      INTERNAL_API_SECRET: null,
      TUNNEL_URL: "https://tunnel.example",
    });
    try {
      const headers = { "x-user-id": "alice" };
      expect((await worker.request("/pagerduty", { headers })).status).toBe(200);
      const through = await worker.handle.fetch("https://tunnel.example/pagerduty", { headers });
      expect(through.status).toBe(403);
      const webhook = await worker.handle.fetch("https://tunnel.example/pagerduty/webhook/alice", {
        method: "POST",
      });
      expect(webhook.status).toBe(404);
    } finally {
      await worker.close();
    }
  });

  test("an unknown path gets 404 with an error and a code", async () => {
    const reply = await stage.worker.call("alice", "GET", "/pagerduty/nothing");
    expect(reply.status).toBe(404);
    expect(reply.body).toEqual({ error: "Not found", code: "not_found" });
  });
});

describe("connecting with an API token", () => {
  test("a user's token connects, and the status immediately shows the connection", async () => {
    const account = stage.pagerduty.account({ subdomain: "acme" });
    expect((await status()).body).toEqual({ connected: false });
    const reply = await connect(account.apiKey(), { extra: { displayName: "On-call" } });
    expect(reply.status).toBe(200);
    const expected = {
      connected: true,
      displayName: "On-call",
      authType: "api_token",
      capabilities: { can_read_incidents: true },
      externalUserEmail: account.user.email,
      externalUserName: account.user.name,
      accountSubdomain: "acme",
      region: "us",
      oauth: null,
      webhook: {
        url: `${stage.worker.url}/pagerduty/webhook/${stage.user}`,
        verification: "callback",
        subscription: null,
        lastEventAt: null,
        lastPingAt: null,
        rejected: { count: 0, lastAt: null, lastReason: null },
      },
      delivery: { pending: 0, dead: 0, lastDeliveredAt: null, lastError: null, target: stage.aurora.url },
    };
    expect(reply.body).toMatchObject({ success: true, ...expected });
    expect((await status()).body).toMatchObject(expected);
  });

  test("an account-level key connects, and its subdomain is read from a service", async () => {
    const account = stage.pagerduty.account({ subdomain: "globex" });
    const reply = await connect(account.apiKey({ kind: "account" }));
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({
      accountSubdomain: "globex",
      externalUserEmail: null,
      displayName: "PagerDuty",
    });
  });

  test("white space around a token is ignored", async () => {
    const account = stage.pagerduty.account();
    expect((await connect(` ${account.apiKey()}\n`)).status).toBe(200);
  });

  test.each([[undefined], [null], [""], ["  \n"], [42], [["x"]], [{}]])(
    "connecting with the token %j gets 400 with the error Token required",
    async (token) => {
      const reply = await connect(token);
      expect(reply.status).toBe(400);
      expect(reply.body).toEqual({ error: "Token required", code: "token_required" });
    },
  );

  test.each(["nobody's-token", "two words", "line\nbreak", "\u0000", "ключ", "x".repeat(10_000)])(
    "connecting with the token %j gets 401",
    async (token) => {
      const reply = await connect(token);
      expect(reply.status).toBe(401);
      expect(reply.body).toEqual({ error: "Invalid or expired API token", code: "invalid_token" });
      expect((await status()).body).toEqual({ connected: false });
    },
  );

  test.each([
    [
      "401 with HTML",
      { status: 401, body: "<h1>No</h1>", contentType: "text/html" },
      401,
      "Invalid or expired API token",
    ],
    ["403", { status: 403 }, 403, "Token lacks required permissions"],
    ["500", { status: 500 }, 502, "PagerDuty API request failed"],
    [
      "200 with HTML",
      { status: 200, body: "<h1>Yes</h1>", contentType: "text/html" },
      502,
      "PagerDuty API request failed",
    ],
    ["200 with another shape", { status: 200, body: "{}" }, 502, "PagerDuty API request failed"],
    [
      "302",
      { status: 302, headers: { location: "http://127.0.0.1:1/" } },
      502,
      "PagerDuty API request failed",
    ],
    ["a reset connection", { reset: true }, 502, "PagerDuty API request failed"],
  ])("if PagerDuty's answer is %s (%j), the connector answers %i", async (_, fault, expected, message) => {
    const token = stage.pagerduty.account().apiKey();
    stage.pagerduty.faults.api = fault;
    const reply = await connect(token);
    expect(reply.status).toBe(expected);
    expect(reply.body).toMatchObject({ error: message });
    expect(reply.text).not.toContain(token);
    expect((await status()).body).toEqual({ connected: false });
  });

  const PAGERDUTY_FAILURES: [string, FaultPlan, RegExp][] = [
    ["unreachable", { status: 522 }, /could not be reached: there was no connection/],
    ["failing", { status: 503 }, /answered 503\. Look at https:\/\/status\.pagerduty\.com/],
    [
      "refusing",
      { status: 422, body: '{"error":{"message":"Nope"}}' },
      /refuses the call: Nope\. The same call is refused again/,
    ],
    ["limiting", { status: 429 }, /limits the calls of this credential or account/],
    ["slow", { hang: NEVER }, /did not answer in time/],
  ];

  test.each(PAGERDUTY_FAILURES)("the error's detail says that PagerDuty is %s", async (_, fault, detail) => {
    stage.pagerduty.faults.api = fault;
    const reply = await connect(stage.pagerduty.account().apiKey());
    expect(reply.body).toMatchObject({ detail: expect.stringMatching(detail) });
    for (const [, , other] of PAGERDUTY_FAILURES) {
      if (other !== detail) expect(reply.text).not.toMatch(other);
    }
  });

  test("if PagerDuty limits the rate, the connector answers 429 with Retry-After", async () => {
    stage.pagerduty.faults.api = { status: 429, headers: { "ratelimit-reset": "17" } };
    const reply = await connect(stage.pagerduty.account().apiKey());
    expect(reply.status).toBe(429);
    expect(reply.body).toMatchObject({ error: "Rate limited by PagerDuty" });
    expect(reply.headers.get("retry-after")).toBe("17");
  });

  test.each([
    ["not JSON", "{", 400, "invalid_json"],
    ["empty", "", 400, "token_required"],
    ["no object", "[1]", 400, "invalid_json"],
    ["invalid UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), 400, "invalid_json"],
  ])("a body that is %s is refused with a code of its own", async (_, raw, expected, code) => {
    const reply = await stage.worker.call(stage.user, "POST", "/pagerduty", { raw });
    expect(reply.status).toBe(expected);
    expect(reply.body).toMatchObject({ code });
  });

  test("a body over 16 KiB gets 413", async () => {
    const reply = await stage.worker.call(stage.user, "POST", "/pagerduty", { declaredBytes: 16 * 1024 + 1 });
    expect(reply).toMatchObject({ status: 413, body: { code: "payload_too_large" } });
  });

  test("an unknown region gets 400", async () => {
    const reply = await connect("token", { extra: { region: "mars" } });
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({ error: "region: must be us or eu" });
  });
});

describe("rotating the token", () => {
  const rotate = (token: unknown) => stage.call("PATCH", "", { token });

  test("rotating without a connection gets 404", async () => {
    const reply = await rotate("token");
    expect(reply.status).toBe(404);
    expect(reply.body).toMatchObject({ error: "Not connected" });
  });

  test("the old token stays in use when the new one is invalid", async () => {
    const account = stage.pagerduty.account({ subdomain: "acme" });
    await connect(account.apiKey());
    expect((await rotate("nonsense")).status).toBe(401);
    expect((await status()).body).toMatchObject({ connected: true, accountSubdomain: "acme" });
    expect((await rotate(account.apiKey())).status).toBe(200);
  });

  test("the known subdomain stays if the new key finds no service to read the subdomain from", async () => {
    const account = stage.pagerduty.account({ subdomain: "acme" });
    await connect(account.apiKey());
    stage.pagerduty.faults.api = {
      body: '{"services": []}',
      match: (_, path) => path.startsWith("/services"),
    };
    const blind = account.apiKey({ kind: "account" });
    expect((await rotate(blind)).body).toMatchObject({ accountSubdomain: "acme" });
    expect((await connect(blind)).body).toMatchObject({ accountSubdomain: "acme" });
    stage.pagerduty.faults.api = null;
    // The stored subdomain "acme" shows that this key belongs to another account.
    expect((await rotate(stage.pagerduty.account({ subdomain: "other" }).apiKey())).status).toBe(409);
  });

  test("without a known subdomain, another account's key gets 409 because the key cannot read the stored incident or subscription", async () => {
    const [own, other] = [stage.pagerduty.account(), stage.pagerduty.account()];
    await stage.call("POST", "", { token: own.apiKey(), subscribe: true });
    stage.pagerduty.faults.api = {
      body: '{"services":[]}',
      match: (_, path) => path.startsWith("/services"),
    };
    const [blind, others] = [own.apiKey({ kind: "account" }), other.apiKey({ kind: "account" })];
    expect(await rotate(others)).toMatchObject({ status: 409, body: { code: "account_mismatch" } });
    expect((await rotate(blind)).status).toBe(200);
    const incident = own.trigger();
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
    // No key can read a subscription that was removed at PagerDuty, so only the incident tells the accounts apart.
    own.subscriptions.clear();
    expect((await rotate(own.apiKey({ kind: "account" }))).status).toBe(200);
    expect((await rotate(others)).status).toBe(409);
    own.incidents.clear();
    expect((await rotate(others)).status).toBe(200);
    stage.pagerduty.faults.api = null;
  });

  test("connecting another account removes everything of the first account, even if no subdomain is known", async () => {
    const [own, other] = [stage.pagerduty.account(), stage.pagerduty.account()];
    const key = own.apiKey({ kind: "account" });
    stage.pagerduty.faults.api = {
      body: '{"services":[]}',
      match: (_, path) => path.startsWith("/services"),
    };
    expect((await stage.call("POST", "", { token: key, subscribe: true })).status).toBe(200);
    const incident = own.trigger();
    await stage.aurora.waitFor("the incident", (aurora) => aurora.of(incident.id).length > 0);
    const listed = async () => (await stage.call("GET", "/incidents")).body;
    // A key of the same account can read the incident, so the incident stays.
    expect((await connect(own.apiKey({ kind: "account" }))).status).toBe(200);
    expect(await listed()).toMatchObject({ incidents: [{ incidentId: incident.id }] });
    expect((await connect(other.apiKey({ kind: "account" }))).status).toBe(200);
    expect(await listed()).toMatchObject({ incidents: [] });
    expect((await status()).body).toMatchObject({ webhook: { subscription: null } });
    expect([...own.subscriptions.keys()]).toEqual([]);
    stage.pagerduty.faults.api = null;
  });

  test("another account's token gets 409, and nothing changes", async () => {
    await connect(stage.pagerduty.account({ subdomain: "acme" }).apiKey());
    const reply = await rotate(stage.pagerduty.account({ subdomain: "other" }).apiKey());
    expect(reply.status).toBe(409);
    expect(reply.body).toMatchObject({ code: "account_mismatch" });
    expect((await status()).body).toMatchObject({ accountSubdomain: "acme" });
  });
});

describe("disconnecting", () => {
  test("deletes the connection, its copy in KV and the object's tables; the answer says `deleted: 1`", async () => {
    await connect(stage.pagerduty.account().apiKey());
    const key = `connection:user:${stage.user}`;
    const { CONNECTIONS } = await stage.worker.handle.getEnv();
    await until("the copy in KV", async () => (await CONNECTIONS.get(key)) !== null);
    const reply = await stage.call("DELETE", "");
    expect(reply.body).toMatchObject({ success: true, deleted: 1 });
    expect((await status()).body).toEqual({ connected: false });
    await until("the copy in KV to go", async () => (await CONNECTIONS.get(key)) === null);
    expect(await stage.sql("SELECT name FROM sqlite_master WHERE name IN ('incidents', 'journal')")).toEqual(
      [],
    );
    expect((await stage.call("DELETE", "")).body).toMatchObject({
      success: true,
      deleted: 0,
    });
  });
});

describe("the credentials at rest", () => {
  test("are sealed in KV, so that no token is readable there", async () => {
    const token = stage.pagerduty.account().apiKey();
    await connect(token);
    const { CONNECTIONS } = await stage.worker.handle.getEnv();
    const copy = () => CONNECTIONS.get(`connection:user:${stage.user}`);
    await until("the copy in KV", async () => (await copy()) !== null);
    const sealed = await copy();
    expect(sealed).toMatch(/^k1\.[\w-]+\.[\w-]+$/);
    expect(sealed).not.toContain(token);
  });

  test("survive the object's eviction", async () => {
    await connect(stage.pagerduty.account({ subdomain: "acme" }).apiKey());
    await stage.worker.evict(stage.user);
    expect((await status()).body).toMatchObject({ connected: true, accountSubdomain: "acme" });
  });
});

describe("the signing secret", () => {
  const put = (secret: unknown) => stage.call("PUT", "/signing-secret", { secret });

  test("turns on verification by signature until the secret is removed", async () => {
    await connect(stage.pagerduty.account().apiKey());
    expect((await put("s3cret")).status).toBe(200);
    expect((await status()).body).toMatchObject({ webhook: { verification: "signature" } });
    expect((await stage.call("DELETE", "/signing-secret")).status).toBe(200);
    expect((await status()).body).toMatchObject({ webhook: { verification: "callback" } });
  });

  test("gets 404 without a connection, and 400 if it is empty, too long or not a text", async () => {
    expect((await put("s3cret")).status).toBe(404);
    await connect(stage.pagerduty.account().apiKey());
    for (const secret of [undefined, "", "  ", 42, "x".repeat(300)]) {
      expect((await put(secret)).status).toBe(400);
    }
  });
});

describe("CORS", () => {
  const preflight = (origin: string) =>
    stage.worker.request("/pagerduty", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "x-user-id",
      },
    });

  test("Aurora's origin is allowed, with credentials", async () => {
    const { headers } = await preflight("https://aurora.example.com");
    expect(headers.get("access-control-allow-origin")).toBe("https://aurora.example.com");
    expect(headers.get("access-control-allow-credentials")).toBe("true");
    expect(headers.get("access-control-allow-methods")?.split(",").sort()).toEqual([
      "DELETE",
      "GET",
      "OPTIONS",
      "PATCH",
      "POST",
      "PUT",
    ]);
    expect(headers.get("access-control-allow-headers")).toContain("X-Provider-Preference");
  });

  test("Aurora's origin can read an error", async () => {
    const reply = await stage.worker.request("/pagerduty", {
      headers: { origin: "https://aurora.example.com" },
    });
    expect(reply.status).toBe(403);
    expect(reply.headers.get("access-control-allow-origin")).toBe("https://aurora.example.com");
  });

  test("no other origin is allowed", async () => {
    const { headers } = await preflight("https://evil.example.com");
    expect(headers.get("access-control-allow-origin")).not.toBe("https://evil.example.com");
  });
});

describe("the webhook URL", () => {
  const urlOf = async (variables: Record<string, string>, as = "alice@example.com") => {
    const worker = await startWorker(variables);
    try {
      const reply = await worker.call(as, "GET", "/pagerduty/webhook-url");
      const { webhookUrl } = reply.body as { webhookUrl: string };
      return webhookUrl.replace(worker.url, "<local>");
    } finally {
      await worker.close();
    }
  };

  test.each([
    [{}, "<local>"],
    [{ PUBLIC_URL: "https://pd.example.com/" }, "https://pd.example.com"],
    [{ PUBLIC_URL: "http://pd.example.com" }, "https://pd.example.com"],
    [{ NEXT_PUBLIC_BACKEND_URL: "http://localhost:5080" }, "http://localhost:5080"],
    [
      { NEXT_PUBLIC_BACKEND_URL: "http://localhost:5080", NGROK_URL: "https://x.ngrok.app/" },
      "https://x.ngrok.app",
    ],
    [{ PUBLIC_URL: "http://[::1]:5080", TUNNEL_URL: "http://x.example" }, "https://x.example"],
    [{ PUBLIC_URL: "https://pd.example.com", TUNNEL_URL: "https://x.example" }, "https://pd.example.com"],
  ])("with %j begins with %s", async (variables, base) => {
    expect(await urlOf(variables)).toBe(`${base}/pagerduty/webhook/alice@example.com`);
  });

  test("comes with numbered instructions", async () => {
    const reply = await stage.call("GET", "/webhook-url");
    const { instructions } = reply.body as { instructions: string[] };
    expect(instructions.map((line) => line.slice(0, 3))).toEqual(
      instructions.map((_, index) => `${index + 1}. `),
    );
  });
});

describe("/healthz", () => {
  test("of a misconfigured Worker names the wrong settings without their values, and the Worker's other paths answer 503", async () => {
    const worker = await startWorker({ INTERNAL_API_SECRET: null, CREDENTIALS_KEYS: "oops" });
    try {
      const health = await worker.request("/healthz");
      expect(health.status).toBe(503);
      expect(health.body).toMatchObject({
        problems: expect.arrayContaining([
          expect.objectContaining({ name: "INTERNAL_API_SECRET" }),
          expect.objectContaining({ name: "CREDENTIALS_KEYS" }),
        ]),
      });
      expect(health.text).not.toContain("oops");
      const webhook = await worker.request("/pagerduty/webhook/alice", { method: "POST", body: "{}" });
      expect(webhook.status).toBe(503);
      expect(webhook.headers.get("retry-after")).not.toBeNull();
    } finally {
      await worker.close();
    }
  });

  test("of a configured Worker answers 200 with the Worker's version", async () => {
    const health = await stage.worker.request("/healthz");
    expect(health.status).toBe(200);
    expect(health.body).toMatchObject({ status: "ok", version: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    expect(health.body).toEqual({ status: "ok", version: manifest.version });
  });
});

test("a connection is sealed with the first of several keys", async () => {
  const key = (kid: string, byte: number) => `${kid}:${Buffer.alloc(32, byte).toString("base64")}`;
  const worker = await startWorker({
    CREDENTIALS_KEYS: `${key("k2", 2)},${key("k1", 7)}`,
    PAGERDUTY_API_URL: stage.pagerduty.apiUrl,
  });
  try {
    await worker.call("carol", "POST", "/pagerduty", { body: { token: stage.pagerduty.account().apiKey() } });
    const { CONNECTIONS } = await worker.handle.getEnv();
    await until(
      "the copy in KV",
      async () => (await CONNECTIONS.get("connection:user:carol"))?.startsWith("k2.") === true,
    );
  } finally {
    await worker.close();
  }
});
