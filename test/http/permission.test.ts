import { describe, expect, test } from "vitest";
import { AURORA_HEADERS, openBackendStage } from "../support/backend-world.ts";
import { consent, failed, follow, registerApp, SUCCESS } from "../support/sign-in.ts";
import { until } from "../support/until.ts";
import { INTERNAL_SECRET, startWorker } from "../support/worker.ts";

/** If AURORA_BACKEND_URL is set, Aurora decides who may change the connection. */

const stage = openBackendStage();

const status = async () => (await stage.call("GET")).body;
const isQuestion = (method: string) => method === "PATCH";

const CHANGES: [string, string, object?][] = [
  ["POST", "", { token: "any" }],
  ["PATCH", "", { token: "any" }],
  ["DELETE", ""],
  ["POST", "/oauth/login", {}],
  ["PUT", "/signing-secret", { secret: "any" }],
  ["DELETE", "/signing-secret"],
  ["POST", "/subscription", {}],
  ["DELETE", "/subscription"],
  ["POST", "/subscription/ping"],
  ["POST", "/subscription/enable"],
  ["POST", "/events/retry", {}],
  ["POST", "/deliveries/redeliver", {}],
  ["DELETE", "/deliveries/redeliver"],
  ["POST", "/reconcile"],
];

test("every change by a viewer is refused with Aurora's error, and PagerDuty is not called", async () => {
  await stage.connectMirrored();
  const before = stage.pagerduty.requests.length;
  for (const [method, path, body] of CHANGES) {
    const reply = await stage.call(method, path, body, { user: stage.viewer });
    expect(reply.body, `${method} ${path}`).toEqual({ error: "Forbidden", code: "aurora_refused" });
    expect(reply.status).toBe(403);
  }
  expect(stage.pagerduty.requests).toHaveLength(before);
  expect(await status()).toMatchObject({ connected: true });
});

test("a viewer can read, and Aurora is not asked for permission", async () => {
  await stage.connect();
  const asked = stage.asked().length;
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    await stage.call(method, "", undefined, { user: stage.viewer });
  }
  expect(await stage.call("GET", "/incidents", undefined, { user: stage.viewer })).toMatchObject({
    status: 200,
  });
  expect(stage.asked()).toHaveLength(asked);
});

test("the permission request to Aurora has the caller's headers, AURORA_HEADERS and an empty body", async () => {
  await stage.connect();
  const [question] = stage.asked();
  const [line = ""] = AURORA_HEADERS.split("\n");
  expect(question).toMatchObject({ method: "PATCH", path: "/pagerduty", body: "{}", status: 400 });
  expect(question?.headers).toMatchObject({
    "content-type": "application/json",
    "x-internal-secret": INTERNAL_SECRET,
    "x-user-id": stage.editor,
    "x-org-id": stage.organisation,
    "x-aurora-edge": "1",
    "cf-access-client-id": line.split(": ")[1],
  });
});

test("a granted permission is cached, and is removed from the cache when Aurora refuses any user", async () => {
  await stage.connectMirrored();
  // Caches the permission again, because a refusal in an earlier test may have cleared the cache.
  await stage.call("POST", "/events/retry", {});
  const before = stage.asked().length;
  await stage.call("POST", "/events/retry", {});
  expect(stage.asked()).toHaveLength(before);
  await stage.call("POST", "/events/retry", {}, { user: stage.viewer });
  await stage.call("POST", "/events/retry", {});
  expect(stage.asked()).toHaveLength(before + 2);
});

test("a user whose role was lowered is refused the next time Aurora is asked", async () => {
  const user = stage.aurora.directory.users.get(stage.editor);
  user?.roles.set(stage.organisation, "viewer");
  expect((await stage.connect()).status).toBe(403);
  user?.roles.set(stage.organisation, "admin");
  expect((await stage.connect()).status).toBe(200);
});

test("a role in one organisation gives no permission in another", async () => {
  const reply = await stage.call("DELETE", "", undefined, { org: crypto.randomUUID() });
  expect(reply).toMatchObject({ status: 403, body: { error: "Forbidden" } });
});

test("Aurora's 401 is passed on to the caller", async () => {
  stage.aurora.fault = { status: 401, body: '{"error": "Unauthorized"}', contentType: "application/json" };
  expect(await stage.connect()).toMatchObject({
    status: 401,
    body: { error: "Unauthorized", code: "aurora_refused" },
  });
});

describe("no change is made and the answer is 503 after", () => {
  test.each([
    ["a proxy's 400", { status: 400, body: "<html>400 Bad Request</html>", contentType: "text/html" }],
    [
      "a 400 from Aurora with an unexpected error",
      { status: 400, body: '{"error": "Bad"}', contentType: "application/json" },
    ],
    ["a proxy's 403", { status: 403, body: "<html>Forbidden</html>", contentType: "text/html" }],
    ["a sign-in page", { status: 200, body: "<html>Sign in</html>", contentType: "text/html" }],
    ["a redirect to a sign-in", { status: 302, headers: { location: "https://login.example.com/" } }],
    ["a missing route", { status: 404, body: '{"error": "Not found"}', contentType: "application/json" }],
    ["a bad gateway", { status: 502, body: "Bad Gateway", contentType: "text/plain" }],
    ["a reset connection", { reset: true }],
  ])("%s", async (_, fault) => {
    stage.aurora.fault = fault;
    const reply = await stage.connect();
    expect(reply).toMatchObject({ status: 503, body: { code: "aurora_unavailable" } });
    expect(reply.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(reply.text).not.toContain("hunter2");
    stage.aurora.fault = null;
    expect(await status()).toEqual({ connected: false });
    expect(stage.pagerduty.requests).toEqual([]);
  });

  test("five seconds without an answer", async () => {
    const never = Promise.withResolvers<void>();
    stage.aurora.fault = { hang: never.promise };
    const reply = await stage.connect();
    never.resolve();
    expect(reply).toMatchObject({ status: 503, body: { code: "aurora_unavailable" } });
    expect(reply.text).toContain("did not answer within 5 s");
  });
});

test("connecting without an organisation is refused, because Aurora would choose the organisation itself", async () => {
  const refusal = { status: 403, body: { error: "Forbidden - no organization context" } };
  for (const [path, body] of [
    ["", { token: stage.account.apiKey() }],
    ["/oauth/login", {}],
  ] as const) {
    expect(await stage.call("POST", path, body, { org: null })).toMatchObject(refusal);
  }
  expect(stage.pagerduty.requests).toEqual([]);
});

describe("the OAuth callback", () => {
  const begin = async () => {
    registerApp(stage.account);
    const { body } = await stage.call("POST", "/oauth/login", {});
    return consent(new URL((body as { oauth_url: string }).oauth_url));
  };

  test("connects the organisation for which the sign-in was started", async () => {
    expect(await follow(stage.worker, await begin())).toBe(SUCCESS);
    expect(await status()).toMatchObject({ connected: true, authType: "oauth" });
  });

  test("answers validation_failed to a user who has lost the permission", async () => {
    const callback = await begin();
    stage.aurora.directory.users.get(stage.editor)?.roles.set(stage.organisation, "viewer");
    // A refusal clears the cached permissions of all users.
    await stage.call("DELETE", "", undefined, { user: stage.viewer });
    expect(await follow(stage.worker, callback)).toBe(failed("validation_failed"));
    expect(await status()).toEqual({ connected: false });
  });

  test("does not use up the sign-in if Aurora answers 502", async () => {
    const callback = await begin();
    await stage.call("DELETE", "", undefined, { user: stage.viewer });
    stage.aurora.fault = { status: 502, body: "", match: isQuestion };
    expect(await follow(stage.worker, callback)).toBe(failed("unexpected"));
    stage.aurora.fault = null;
    expect(await follow(stage.worker, callback)).toBe(SUCCESS);
  });
});

test("a change by a visitor of the console is not checked with Aurora", async () => {
  const worker = await startWorker({
    AURORA_ENV: "dev",
    INTERNAL_API_SECRET: null,
    AURORA_BACKEND_URL: stage.aurora.url,
    CONSOLE_ORG: stage.organisation,
    PAGERDUTY_API_URL: stage.pagerduty.apiUrl,
  });
  try {
    const reply = await worker.request("/console/api", {
      method: "POST",
      headers: {
        "x-requested-with": "aurora-console",
        "sec-fetch-site": "same-origin",
        "content-type": "application/json",
      },
      body: JSON.stringify({ token: stage.account.apiKey() }),
    });
    expect(reply.status).toBe(200);
    await until("the mirrored call to Aurora", () => stage.mirrored().length > 0);
    expect(stage.asked()).toEqual([]);
  } finally {
    await worker.close();
  }
});
