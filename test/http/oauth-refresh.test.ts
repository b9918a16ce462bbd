import { beforeEach, describe, expect, test } from "vitest";
import { NEVER } from "../emulator/pagerduty.ts";
import { holdNext } from "../support/held-call.ts";
import { CLIENT_ID, registerApp, SUCCESS, signIn, startOAuthWorld } from "../support/sign-in.ts";
import { openStage } from "../support/stage.ts";
import { CLOCK_GRAIN_MS, until } from "../support/until.ts";

/** A token with less than 5 minutes left is refreshed at its next use. */
const DUE_SECONDS = 60;
const LOST = { connected: false, error: "OAuth token expired, please reconnect" };

const stage = openStage(startOAuthWorld);
beforeEach(() => {
  registerApp(stage.account);
});

const status = async () => (await stage.worker.call(stage.user, "GET", "/pagerduty")).body;
const subscribe = () => stage.worker.call(stage.user, "POST", "/pagerduty/subscription");
const atToken = (_: string, path: string) => path === "/oauth/token";
const tokenRequests = () => stage.pagerduty.requests.filter(({ path }) => path === "/oauth/token").length;
const codes = (body: unknown): string[] =>
  typeof body === "object" && body !== null && "problems" in body && Array.isArray(body.problems)
    ? body.problems.map(({ code }) => code)
    : [];

async function connect(lifeSeconds: number): Promise<void> {
  stage.pagerduty.faults.expiresIn = lifeSeconds;
  expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
  stage.pagerduty.faults.expiresIn = 3600;
  stage.pagerduty.clearRequests();
}

async function connectExpired(): Promise<void> {
  await connect(1);
  const expiresAtMs = Date.now() + 1000;
  await until("the token has expired", () => Date.now() > expiresAtMs);
}

describe("an access token", () => {
  test("is refreshed by a status call, whose answer shows the new expiry", async () => {
    await connect(DUE_SECONDS);
    const body = await status();
    expect(body).toMatchObject({ connected: true });
    expect(stage.account.refreshCount).toBe(1);
    const expiresAt =
      typeof body === "object" && body !== null && "oauth" in body ? JSON.stringify(body.oauth) : "";
    const [, at = ""] = /"expiresAt":"([^"]+)"/.exec(expiresAt) ?? [];
    expect(Date.parse(at) - Date.now()).toBeGreaterThan(3_500_000);
  });

  test("is not refreshed while more than five minutes are left", async () => {
    await connect(301 + 5);
    await status();
    expect((await subscribe()).status).toBe(201);
    expect(stage.account.refreshCount).toBe(0);
  });

  test("is refreshed once by 50 concurrent calls, and no call uses the expired token", async () => {
    const subscribed = { token: stage.account.apiKey(), subscribe: true };
    await stage.worker.call(stage.user, "POST", "/pagerduty", { body: subscribed });
    await connectExpired();
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        stage.worker.call(stage.user, "GET", index % 2 === 0 ? "/pagerduty" : "/pagerduty/subscription"),
      ),
    );
    expect(replies.filter((reply) => reply.status !== 200)).toEqual([]);
    expect(stage.account.refreshCount).toBe(1);
    expect(tokenRequests()).toBe(1);
    expect(stage.pagerduty.requests.filter(({ status: code }) => code === 401)).toEqual([]);
  });

  test("is refreshed again after an eviction, with the latest refresh token", async () => {
    await connect(DUE_SECONDS);
    for (const count of [1, 2, 3]) {
      stage.pagerduty.faults.expiresIn = 1;
      await status();
      await stage.worker.evict(stage.user);
      const lapsedAtMs = Date.now() + 500;
      await until("half of the token's lifetime is over", () => Date.now() > lapsedAtMs);
      expect(stage.account.refreshCount).toBe(count);
    }
    expect(await status()).toMatchObject({ connected: true });
  });

  test("has the scopes that its refresh granted", async () => {
    await connect(DUE_SECONDS);
    stage.pagerduty.faults.dropScopes = ["incidents.read"];
    expect(await status()).toMatchObject({ oauth: { missingScopes: ["incidents.read"] } });
  });
});

describe("a refresh that fails temporarily", () => {
  test.each([
    ["503 with HTML", { status: 503, body: "<h1>Later</h1>", contentType: "text/html" }],
    ["a reset connection", { reset: true }],
    ["200 with HTML", { body: "<h1>Yes</h1>", contentType: "text/html" }],
  ])(
    "with %s keeps the connection while the token is valid, and is retried by the alarm",
    async (_, fault) => {
      await connect(DUE_SECONDS);
      stage.pagerduty.faults.identity = { ...fault, times: 1, match: atToken };
      const body = await status();
      expect(body).toMatchObject({ connected: true });
      expect(codes(body)).toEqual(["no_signing_secret"]);
      expect((await subscribe()).status).toBe(201);
      await until("the refresh was tried again", () => stage.account.refreshCount === 1);
      expect(tokenRequests()).toBe(2);
    },
  );

  test("with 429 is retried after PagerDuty's Retry-After", async () => {
    await connect(DUE_SECONDS);
    stage.pagerduty.faults.identity = {
      status: 429,
      headers: { "retry-after": "2" },
      times: 1,
      match: atToken,
    };
    expect(await status()).toMatchObject({ connected: true });
    await until("the refresh was tried again", () => stage.account.refreshCount === 1);
    const [refused, tried] = stage.pagerduty.requests.filter(({ path }) => path === "/oauth/token");
    expect((tried?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(2_000 - CLOCK_GRAIN_MS);
  });

  test("keeps the connection even if the token has expired, and the status shows a problem until a refresh succeeds", async () => {
    await connectExpired();
    stage.pagerduty.faults.identity = { status: 503, match: atToken };
    const body = await status();
    expect(body).toMatchObject({ connected: true, authType: "oauth" });
    expect(codes(body)).toContain("oauth_refresh_failing");
    expect(JSON.stringify(body)).toContain("PagerDuty's sign-in answered 503");
    const called = await subscribe();
    expect([called.status, called.body]).toMatchObject([502, { error: "PagerDuty API request failed" }]);
    stage.pagerduty.faults.identity = null;
    await until(
      "the end of the problem",
      async () => !codes(await status()).includes("oauth_refresh_failing"),
    );
    expect((await subscribe()).status).toBe(201);
  });

  test("because of a wrong client secret does not disconnect", async () => {
    await connectExpired();
    registerApp(stage.account, { clientSecret: "changed" });
    const body = await status();
    expect(body).toMatchObject({ connected: true });
    expect(JSON.stringify(body)).toContain("invalid_client");
    registerApp(stage.account);
    await until(
      "the end of the problem",
      async () => !codes(await status()).includes("oauth_refresh_failing"),
    );
  });

  test("without an answer delays neither the status nor a disconnect", async () => {
    await connect(DUE_SECONDS);
    stage.pagerduty.faults.identity = { hang: NEVER, times: 1, match: atToken };
    expect(await status()).toMatchObject({ connected: true });
    expect((await stage.worker.call(stage.user, "DELETE", "/pagerduty")).body).toMatchObject({ deleted: 1 });
    expect(
      stage.worker.logs().filter((line) => line.includes("oauth.refresh") && line.includes(stage.user)),
    ).toEqual([]);
  });
});

describe("a refused refresh", () => {
  test("with invalid_grant disconnects, and the status says what to do", async () => {
    await connect(DUE_SECONDS);
    stage.account.revokeGrants();
    const body = await status();
    expect(body).toEqual({
      ...LOST,
      problems: [{ code: "oauth_refused", message: expect.any(String), fix: expect.stringMatching(/again/) }],
    });
    expect(await status()).toMatchObject(LOST);
    expect(tokenRequests()).toBe(1);
  });

  test("disconnects even during an API call, and a new sign-in connects again", async () => {
    await connectExpired();
    stage.account.revokeGrants();
    expect((await subscribe()).status).toBe(401);
    expect(await status()).toMatchObject(LOST);
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    expect(await status()).toMatchObject({ connected: true });
    expect((await subscribe()).status).toBe(201);
  });
});

describe("a 401 from the API for an unexpired token", () => {
  test("causes one refresh, after which the call succeeds", async () => {
    await connect(3600);
    stage.pagerduty.faults.api = { status: 401, times: 1 };
    expect((await subscribe()).status).toBe(201);
    expect(stage.account.refreshCount).toBe(1);
    expect(codes(await status())).toEqual([]);
  });

  test("that is repeated after a refresh is shown as a problem, and causes no further refresh", async () => {
    await connect(3600);
    stage.pagerduty.faults.api = { status: 401 };
    for (let call = 0; call < 3; call += 1) expect((await subscribe()).status).toBe(401);
    expect(stage.account.refreshCount).toBe(1);
    const body = await status();
    expect(body).toMatchObject({ connected: true });
    expect(codes(body)).toContain("credential_refused");
    stage.pagerduty.faults.api = null;
    expect((await subscribe()).status).toBe(201);
    expect(codes(await status())).toEqual([]);
  });

  test("disconnects if the user has withdrawn consent", async () => {
    await connect(3600);
    stage.account.revokeGrants();
    expect((await subscribe()).status).toBe(401);
    expect(await status()).toMatchObject(LOST);
  });

  test("keeps the connection if the identity server is down, and the refresh is retried", async () => {
    await connect(3600);
    stage.pagerduty.faults.api = { status: 401, times: 1 };
    stage.pagerduty.faults.identity = { status: 503, times: 1, match: atToken };
    expect((await subscribe()).status).toBe(401);
    expect(await status()).toMatchObject({ connected: true });
    await until("the refresh was tried again", () => stage.account.refreshCount === 1);
    expect((await subscribe()).status).toBe(201);
  });
});

test("disconnecting during a refresh leaves no connection in the object or in KV", async () => {
  await connect(DUE_SECONDS);
  const held = holdNext(stage.pagerduty.faults, "identity", "hang", atToken);
  const asked = status();
  await held.underWay();
  expect((await stage.worker.call(stage.user, "DELETE", "/pagerduty")).body).toMatchObject({ deleted: 1 });
  held.release();
  expect(await asked).toEqual({ connected: false });
  const { CONNECTIONS } = await stage.worker.handle.getEnv();
  expect(await CONNECTIONS.get(`connection:user:${stage.user}`)).toBeNull();
});

test("if PagerDuty refuses a refresh because of an unknown client id, the connection stays", async () => {
  await connect(DUE_SECONDS);
  stage.account.oauthClients.delete(CLIENT_ID);
  expect(await status()).toMatchObject({ connected: true });
});
