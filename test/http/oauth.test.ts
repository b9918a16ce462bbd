import { beforeEach, describe, expect, test } from "vitest";
import { LOGIN_LIFE_MS, type LoginState } from "../../src/connection/login-state.ts";
import { openState, sealState } from "../support/sealed-state.ts";
import {
  CLIENT_ID,
  CLIENT_SECRET,
  consent,
  FRONTEND,
  failed,
  follow,
  login,
  registerApp,
  SUCCESS,
  signIn,
  signInAddress,
  startOAuthWorld,
} from "../support/sign-in.ts";
import { openStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { startWorker } from "../support/worker.ts";

const DEFAULT_SCOPES = [
  "openid",
  "users.read",
  "incidents.read",
  "services.read",
  "webhook_subscriptions.read",
  "webhook_subscriptions.write",
];

const stage = openStage(startOAuthWorld);
beforeEach(() => {
  registerApp(stage.account);
});

const status = async (as = stage.user) => (await stage.worker.call(as, "GET", "/pagerduty")).body;
const callback = (query: string) => stage.worker.request(`/pagerduty/oauth/callback${query}`);
const tokenRequests = () => stage.pagerduty.requests.filter(({ path }) => path === "/oauth/token");
const atToken = (_: string, path: string) => path === "/oauth/token";
const stateOf = (address: URL) => address.searchParams.get("state") ?? "";

describe("starting a sign-in", () => {
  test("returns PagerDuty's address with PKCE, a state and a nonce, and without the user id", async () => {
    const address = await signInAddress(stage.worker, stage.user);
    expect(`${address.origin}${address.pathname}`).toBe(`${stage.pagerduty.identityUrl}/oauth/authorize`);
    expect(Object.fromEntries(address.searchParams)).toEqual({
      response_type: "code",
      client_id: CLIENT_ID,
      redirect_uri: `${stage.worker.url}/pagerduty/oauth/callback`,
      scope: DEFAULT_SCOPES.join(" "),
      state: expect.stringMatching(/^k1\.[\w-]+\.[\w-]+$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: "S256",
    });
    expect(address.href).not.toContain(stage.user);
  });

  test("uses a new state, nonce and challenge each time", async () => {
    const [one, other] = await Promise.all([
      signInAddress(stage.worker, stage.user),
      signInAddress(stage.worker, stage.user),
    ]);
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(one.searchParams.get(name)).not.toBe(other.searchParams.get(name));
    }
  });

  test("needs Aurora's secret", async () => {
    const reply = await stage.worker.call(stage.user, "POST", "/pagerduty/oauth/login", {
      headers: { "x-internal-secret": "wrong" },
    });
    expect(reply.status).toBe(403);
  });

  test("with an option of the wrong type gets 400", async () => {
    expect((await login(stage.worker, stage.user, { subscribe: "yes" })).status).toBe(400);
  });
});

describe("a sign-in", () => {
  test("connects, and the status immediately shows the connection", async () => {
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    expect(await status()).toMatchObject({
      connected: true,
      displayName: "PagerDuty",
      authType: "oauth",
      capabilities: { can_read_incidents: true, can_write_incidents: false },
      externalUserEmail: stage.account.user.email,
      externalUserName: stage.account.user.name,
      accountSubdomain: "acme",
      region: "us",
      oauth: { scopes: DEFAULT_SCOPES, missingScopes: [], expiresAt: expect.stringMatching(/Z$/) },
      problems: [{ code: "no_signing_secret" }],
    });
    expect(tokenRequests()).toHaveLength(1);
  });

  test("ends in an answer that is not cached and sends no referrer", async () => {
    const { headers } = await callback("?code=x&state=y");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
  });

  test("creates the webhook subscription if asked to", async () => {
    expect(await signIn(stage.worker, stage.user, { subscribe: true })).toBe(SUCCESS);
    expect(stage.account.subscriptions.size).toBe(1);
    expect(await status()).toMatchObject({ webhook: { verification: "signature" }, problems: [] });
  });

  test("stores only a sealed connection in KV", async () => {
    await signIn(stage.worker, stage.user);
    const { CONNECTIONS } = await stage.worker.handle.getEnv();
    const copy = () => CONNECTIONS.get(`connection:user:${stage.user}`);
    await until("the copy in KV", async () => (await copy()) !== null);
    expect(await copy()).toMatch(/^k1\.[\w-]+\.[\w-]+$/);
  });

  test("is followed by API calls with the access token", async () => {
    await signIn(stage.worker, stage.user);
    stage.pagerduty.clearRequests();
    expect((await stage.worker.call(stage.user, "POST", "/pagerduty/subscription")).status).toBe(201);
    expect(stage.pagerduty.requests.every(({ authorization }) => authorization === "Bearer")).toBe(true);
  });

  test("replaces an API token of the same account, and keeps the name and the signing secret", async () => {
    await stage.worker.call(stage.user, "POST", "/pagerduty", {
      body: { token: stage.account.apiKey(), displayName: "Mine" },
    });
    await stage.worker.call(stage.user, "PUT", "/pagerduty/signing-secret", { body: { secret: "s3cret" } });
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    expect(await status()).toMatchObject({
      authType: "oauth",
      displayName: "Mine",
      webhook: { verification: "signature" },
    });
    const rotated = await stage.worker.call(stage.user, "PATCH", "/pagerduty", {
      body: { token: stage.account.apiKey() },
    });
    expect([rotated.status, rotated.body]).toMatchObject([400, { error: "Cannot rotate OAuth tokens" }]);
  });

  test("succeeds after PagerDuty has changed the key that signs ID tokens", async () => {
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    stage.pagerduty.rotateSigningKey();
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    stage.pagerduty.rotateSigningKey();
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
  });

  test("without an ID token reads the account from the API", async () => {
    stage.pagerduty.faults.idToken = "absent";
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    expect(await status()).toMatchObject({ accountSubdomain: "acme", region: "us" });
  });
});

test.each([
  ["no token type", { token_type: undefined }],
  ["a refresh token, a scope and an ID token of null", { refresh_token: null, scope: null, id_token: null }],
])("a token answer with %s connects the user", async (_, change) => {
  const access_token = `pdus+_0${stage.user}`;
  stage.account.addCredential(access_token, {
    kind: "oauth",
    grant: { clientId: CLIENT_ID, scoped: true, scopes: [], nonce: null, revoked: false },
    scopes: DEFAULT_SCOPES,
    expiresAtMs: Date.now() + 3_600_000,
  });
  const body = JSON.stringify({ access_token, token_type: "Bearer", expires_in: 3600, ...change });
  stage.pagerduty.faults.identity = { body, match: atToken };
  expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
});

describe("the callback answers", () => {
  test("access_denied when the user refuses consent", async () => {
    stage.pagerduty.faults.denyConsent = true;
    expect(await signIn(stage.worker, stage.user)).toBe(failed("access_denied"));
    expect(await status()).toEqual({ connected: false });
  });

  test.each([
    ["the error access_denied, without a state", "?error=access_denied", "access_denied"],
    ["the error access_denied, with a forged state", "?error=access_denied&state=forged", "access_denied"],
    ["another error", "?error=server_error&state=x", "invalid"],
    ["an empty query", "", "invalid"],
    ["a code without a state", "?code=abc", "invalid"],
    ["a state that is a user id", "?code=abc&state=alice", "invalid"],
    [
      "a forged state of the right form",
      "?code=abc&state=k1.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      "invalid",
    ],
    ["a state of another key", "?code=abc&state=k9.AAAAAAAAAAAAAAAA.AAAA", "invalid"],
  ])("an error, without an exchange, for %s", async (_, query, error) => {
    const reply = await callback(query);
    expect([reply.status, reply.headers.get("location")]).toEqual([302, failed(error)]);
    expect(tokenRequests()).toEqual([]);
  });

  test("invalid for a state without a code, and the sign-in can still be finished", async () => {
    const address = await signInAddress(stage.worker, stage.user);
    expect((await callback(`?state=${stateOf(address)}`)).headers.get("location")).toBe(failed("invalid"));
    expect(await follow(stage.worker, await consent(address))).toBe(SUCCESS);
  });

  test("success even after a HEAD request, which does not use up the state", async () => {
    const back = await consent(await signInAddress(stage.worker, stage.user));
    await stage.worker.request(back.pathname + back.search, { method: "HEAD" });
    expect(await follow(stage.worker, back)).toBe(SUCCESS);
  });

  test("invalid for a changed state", async () => {
    const back = await consent(await signInAddress(stage.worker, stage.user));
    const state = back.searchParams.get("state") ?? "";
    const at = Math.floor(state.length / 2);
    back.searchParams.set(
      "state",
      state.slice(0, at) + (state[at] === "A" ? "B" : "A") + state.slice(at + 1),
    );
    expect(await follow(stage.worker, back)).toBe(failed("invalid"));
    expect(tokenRequests()).toEqual([]);
  });

  test("invalid for a repeated state or code in the query", async () => {
    for (const name of ["state", "code"]) {
      const back = await consent(await signInAddress(stage.worker, stage.user));
      back.searchParams.append(name, "another");
      expect(await follow(stage.worker, back)).toBe(failed("invalid"));
    }
    expect(tokenRequests()).toEqual([]);
  });

  test("invalid for a used state, with the same code or a new one", async () => {
    const address = await signInAddress(stage.worker, stage.user);
    const [first, second] = [await consent(address), await consent(address)];
    expect(await follow(stage.worker, first)).toBe(SUCCESS);
    expect(await follow(stage.worker, first)).toBe(failed("invalid"));
    expect(await follow(stage.worker, second)).toBe(failed("invalid"));
    expect(tokenRequests()).toHaveLength(1);
    expect(await status()).toMatchObject({ connected: true });
  });

  test("invalid for nine of ten concurrent uses of a state", async () => {
    const back = await consent(await signInAddress(stage.worker, stage.user));
    const ends = await Promise.all(Array.from({ length: 10 }, () => follow(stage.worker, back)));
    expect(ends.filter((end) => end === SUCCESS)).toHaveLength(1);
    expect(ends.filter((end) => end === failed("invalid"))).toHaveLength(9);
    expect(tokenRequests()).toHaveLength(1);
  });

  test("exchange_failed for a used code", async () => {
    const first = await consent(await signInAddress(stage.worker, stage.user));
    const second = await consent(await signInAddress(stage.worker, stage.user));
    second.searchParams.set("code", first.searchParams.get("code") ?? "");
    expect(await follow(stage.worker, first)).toBe(SUCCESS);
    expect(await follow(stage.worker, second)).toBe(failed("exchange_failed"));
    expect(await status()).toMatchObject({ connected: true });
  });

  test("exchange_failed for the code of another sign-in, because the PKCE verifier does not match", async () => {
    const mine = await consent(await signInAddress(stage.worker, stage.user));
    const theirs = await consent(await signInAddress(stage.worker, "mallory"));
    mine.searchParams.set("code", theirs.searchParams.get("code") ?? "");
    expect(await follow(stage.worker, mine)).toBe(failed("exchange_failed"));
    expect(await status()).toEqual({ connected: false });
  });
});

describe("a state sealed with this Worker's key", () => {
  const issued = (change: Partial<LoginState>): LoginState => ({
    id: crypto.randomUUID(),
    userId: stage.user,
    orgId: null,
    verifier: "v".repeat(43),
    nonce: "n".repeat(43),
    redirectUri: `${stage.worker.url}/pagerduty/oauth/callback`,
    scopes: "openid",
    binding: null,
    subscribe: false,
    isVisitor: false,
    expiresAtMs: Date.now() + LOGIN_LIFE_MS,
    ...change,
  });
  const end = async (state: string) => (await callback(`?code=abc&state=${state}`)).headers.get("location");

  test("is invalid if it has expired or was never issued", async () => {
    expect(await end(await sealState(issued({ expiresAtMs: Date.now() - 1 })))).toBe(failed("invalid"));
    expect(await end(await sealState(issued({})))).toBe(failed("invalid"));
  });

  test("is invalid after its user id was changed", async () => {
    const address = await signInAddress(stage.worker, stage.user);
    const opened = await openState(stateOf(address));
    expect(opened).toMatchObject({ userId: stage.user });
    expect(await end(await sealState({ ...opened, userId: "mallory" }))).toBe(failed("invalid"));
    expect(await follow(stage.worker, await consent(address))).toBe(SUCCESS);
  });

  test("cannot be replaced by a sealed connection from KV", async () => {
    await signIn(stage.worker, stage.user);
    const { CONNECTIONS } = await stage.worker.handle.getEnv();
    expect(await end((await CONNECTIONS.get(`connection:user:${stage.user}`)) ?? "")).toBe(failed("invalid"));
  });

  test("is valid for ten minutes", async () => {
    const earliestMs = Date.now() + LOGIN_LIFE_MS;
    const opened = await openState(stateOf(await signInAddress(stage.worker, stage.user)));
    expect(opened.expiresAtMs).toBeGreaterThanOrEqual(earliestMs);
    expect(opened.expiresAtMs).toBeLessThanOrEqual(Date.now() + LOGIN_LIFE_MS);
  });
});

describe("a sign-in bound to a browser", () => {
  async function begin() {
    const reply = await login(stage.worker, stage.user, { bind: true });
    const [cookie = ""] = (reply.headers.get("set-cookie") ?? "").split("; ");
    const back = await consent(new URL(JSON.parse(reply.text).oauth_url));
    const end = async (headers: Record<string, string>) =>
      (await stage.worker.request(back.pathname + back.search, { headers })).headers.get("location");
    return { reply, cookie, end };
  }

  test("can be finished by that browser only, and is not used up by other browsers", async () => {
    const { reply, cookie, end } = await begin();
    expect(reply.headers.get("set-cookie")).toMatch(
      /^pagerduty_login_[\w-]+=[\w-]{43}; Path=\/pagerduty\/oauth\/callback; Max-Age=600; HttpOnly; SameSite=Lax$/,
    );
    expect(await end({})).toBe(failed("invalid"));
    expect(await end({ cookie: cookie.slice(0, -1) })).toBe(failed("invalid"));
    expect(await end({ cookie: (await begin()).cookie })).toBe(failed("invalid"));
    expect(await end({ cookie: `a=b; ${cookie}; c=d` })).toBe(SUCCESS);
  });

  test("sets a cookie, but an unbound sign-in sets no cookie", async () => {
    expect((await login(stage.worker, stage.user)).headers.get("set-cookie")).toBeNull();
  });
});

describe("a failed exchange", () => {
  const tokens = { access_token: "pdus+_0x", refresh_token: "r", token_type: "bearer", expires_in: 60 };
  test.each([
    ["500", { status: 500 }],
    ["429", { status: 429, headers: { "retry-after": "5" } }],
    ["a reset connection", { reset: true }],
    ["a redirect", { status: 302, headers: { location: "http://127.0.0.1:1/" } }],
    ["HTML", { body: "<h1>Yes</h1>", contentType: "text/html" }],
    ["an empty answer", { body: "" }],
    ["a list", { body: "[]" }],
    ["invalid_grant", { status: 400, body: '{"error":"invalid_grant"}' }],
    ["invalid_client", { status: 401, body: '{"error":"invalid_client"}' }],
    ["an error that is no text", { status: 400, body: '{"error":{"a":"<b>"}}' }],
    ["no access token", { body: JSON.stringify({ ...tokens, access_token: undefined }) }],
    [
      "an access token that no header can carry",
      { body: JSON.stringify({ ...tokens, access_token: "a\nb" }) },
    ],
    ["an unknown token type", { body: JSON.stringify({ ...tokens, token_type: "mac" }) }],
    ["a lifetime that is no number", { body: JSON.stringify({ ...tokens, expires_in: "soon" }) }],
    ["an oversized answer", { body: JSON.stringify({ ...tokens, more: "x".repeat(100_000) }) }],
  ])("with %s is exchange_failed, and changes nothing", async (_, fault) => {
    stage.pagerduty.faults.identity = { ...fault, match: atToken };
    expect(await signIn(stage.worker, stage.user)).toBe(failed("exchange_failed"));
    expect(await status()).toEqual({ connected: false });
  });

  test("with a wrong client secret is exchange_failed", async () => {
    registerApp(stage.account, { clientSecret: "another" });
    expect(await signIn(stage.worker, stage.user)).toBe(failed("exchange_failed"));
  });

  test.each(["bad_signature", "wrong_issuer", "wrong_audience", "expired", "wrong_nonce"] as const)(
    "is validation_failed if the ID token has the fault %s",
    async (fault) => {
      stage.pagerduty.faults.idToken = fault;
      expect(await signIn(stage.worker, stage.user)).toBe(failed("validation_failed"));
      expect(await status()).toEqual({ connected: false });
    },
  );

  test("is validation_failed if the signing keys cannot be fetched", async () => {
    stage.pagerduty.rotateSigningKey();
    stage.pagerduty.faults.identity = { status: 503, match: (_, path) => path.endsWith("/jwks") };
    expect(await signIn(stage.worker, stage.user)).toBe(failed("validation_failed"));
  });

  test.each([
    ["401", { status: 401 }],
    ["429", { status: 429 }],
    ["500", { status: 500 }],
    ["a reset connection", { reset: true }],
  ])(
    "is validation_failed if the API answers with %s when the connector identifies the token's account",
    async (_, fault) => {
      stage.pagerduty.faults.api = fault;
      expect(await signIn(stage.worker, stage.user)).toBe(failed("validation_failed"));
      expect(await status()).toEqual({ connected: false });
    },
  );
});

describe("the callback redirects to the fixed address", () => {
  const evil = "https://evil.example.com";
  test.each([
    [
      "with an attempt at an open redirect",
      `?redirect=${evil}&next=${evil}&redirect_uri=${evil}&return_to=//evil.example.com`,
    ],
    [
      "with an attempt at an open redirect in the error",
      `?error=${evil}&error_description=${evil}&error_uri=${evil}`,
    ],
    [
      "with a header injection",
      "?error=x%0d%0aset-cookie:%20a=b&state=%0d%0alocation:%20https://evil.example.com",
    ],
    ["with markup", "?code=<script>alert(1)</script>&state=%3Cscript%3E"],
    ["with a broken escape", "?code=%&state=%zz%ff"],
    ["with 10 KB of code", `?code=${"c".repeat(10_240)}&state=s`],
    ["with 10 KB of state", `?code=c&state=${"s".repeat(10_240)}`],
    ["with 10 KB of error", `?error=${"e".repeat(10_240)}`],
    ["with 10 KB in an unknown parameter", `?x=${"x".repeat(10_240)}`],
    ["with NUL characters", "?code=%00&state=%00"],
  ])("%s", async (_, query) => {
    const reply = await callback(query);
    expect(reply.status).toBe(302);
    expect(reply.headers.get("location")).toBe(failed("invalid"));
    expect(reply.headers.get("set-cookie")).toBeNull();
    expect(reply.text).toBe("");
  });

  test("and does not exchange a code of 10 KB, although the state is valid", async () => {
    const state = stateOf(await signInAddress(stage.worker, stage.user));
    const reply = await callback(`?code=${"c".repeat(10_240)}&state=${state}`);
    expect(reply.headers.get("location")).toBe(failed("invalid"));
    expect(tokenRequests()).toEqual([]);
  });

  test("with a forged X-Forwarded-Host", async () => {
    const reply = await stage.worker.request("/pagerduty/oauth/callback", {
      headers: { "x-forwarded-host": "evil" },
    });
    expect(reply.headers.get("location")).toBe(failed("invalid"));
  });
});

describe("granted scopes", () => {
  const problems = (body: unknown) =>
    typeof body === "object" && body !== null && "problems" in body && Array.isArray(body.problems)
      ? body.problems.filter(({ code }) => code === "missing_scopes")
      : [];

  test("that are incomplete allow the sign-in, and the status names the missing scopes and the affected feature", async () => {
    stage.pagerduty.faults.dropScopes = ["webhook_subscriptions.write", "webhook_subscriptions.read"];
    expect(await signIn(stage.worker, stage.user, { subscribe: true })).toBe(SUCCESS);
    const body = await status();
    expect(body).toMatchObject({
      connected: true,
      oauth: { missingScopes: ["webhook_subscriptions.read", "webhook_subscriptions.write"] },
    });
    expect(problems(body)).toEqual([
      {
        code: "missing_scopes",
        message: expect.stringMatching(
          /webhook_subscriptions\.read and webhook_subscriptions\.write: .*subscription/,
        ),
        fix: expect.stringContaining("App Registration"),
      },
    ]);
  });

  test("without users.read allow the sign-in, and the account is read from the ID token", async () => {
    stage.pagerduty.faults.dropScopes = ["users.read", "incidents.read"];
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    const body = await status();
    expect(body).toMatchObject({
      accountSubdomain: "acme",
      externalUserEmail: stage.account.user.email,
      capabilities: { can_read_incidents: false },
    });
    expect(problems(body)).toHaveLength(2);
  });

  test("without openid cause no problem", async () => {
    stage.pagerduty.faults.dropScopes = ["openid"];
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    const body = await status();
    expect(body).toMatchObject({ oauth: { missingScopes: ["openid"] }, accountSubdomain: "acme" });
    expect(problems(body)).toEqual([]);
  });

  test.each([
    ["read", false],
    ["write", true],
  ])("of a Classic app with the scope %s connect, with can_write_incidents = %s", async (scope, canWrite) => {
    const classic = await startOAuthWorld({ PAGERDUTY_OAUTH_SCOPES: scope });
    try {
      registerApp(classic.pagerduty.account({ subdomain: "classic" }), { scoped: false });
      expect(await signIn(classic.worker, stage.user)).toBe(SUCCESS);
      expect((await classic.worker.call(stage.user, "GET", "/pagerduty")).body).toMatchObject({
        connected: true,
        accountSubdomain: "classic",
        capabilities: { can_read_incidents: true, can_write_incidents: canWrite },
        oauth: { missingScopes: [] },
      });
    } finally {
      await classic.close();
    }
  });
});

describe("other settings", () => {
  const variables = () => ({
    NEXT_PUBLIC_ENABLE_PAGERDUTY_OAUTH: "true",
    PAGERDUTY_CLIENT_ID: CLIENT_ID,
    PAGERDUTY_CLIENT_SECRET: CLIENT_SECRET,
    PAGERDUTY_API_URL: stage.pagerduty.apiUrl,
    PAGERDUTY_IDENTITY_URL: stage.pagerduty.identityUrl,
  });

  test("if OAuth is off, the login answers 403 and the callback answers oauth_not_enabled", async () => {
    const off = await startWorker({ FRONTEND_URL: FRONTEND });
    try {
      const reply = await login(off, stage.user);
      expect([reply.status, reply.body]).toEqual([
        403,
        { error: "PagerDuty OAuth is not enabled", code: "oauth_not_enabled" },
      ]);
      for (const query of ["", "?error=access_denied", "?code=a&state=b"]) {
        const back = await off.request(`/pagerduty/oauth/callback${query}`);
        expect([back.status, back.headers.get("location")]).toEqual([302, failed("oauth_not_enabled")]);
      }
    } finally {
      await off.close();
    }
  });

  test.each([
    [{ PAGERDUTY_CLIENT_SECRET: null }, "PAGERDUTY_CLIENT_SECRET"],
    [
      { PAGERDUTY_CLIENT_ID: null, PAGERDUTY_CLIENT_SECRET: null },
      "PAGERDUTY_CLIENT_ID, PAGERDUTY_CLIENT_SECRET",
    ],
  ])("with %j the login answers 500 and names the missing settings", async (change, names) => {
    const bare = await startWorker({ ...variables(), ...change });
    try {
      const reply = await login(bare, stage.user);
      expect([reply.status, reply.body]).toEqual([
        500,
        { error: `Missing OAuth credentials: ${names}`, code: "oauth_not_configured" },
      ]);
      const health = await bare.request("/healthz");
      expect([health.status, health.body]).toMatchObject([
        503,
        { code: "misconfigured", problems: names.split(", ").map((name) => ({ name })) },
      ]);
      // The status needs no settings of the OAuth app.
      expect((await bare.call(stage.user, "GET", "/pagerduty")).status).toBe(200);
    } finally {
      await bare.close();
    }
  });

  test("without FRONTEND_URL the callback redirects to the Worker's own page at PUBLIC_URL", async () => {
    const own = await startWorker({ ...variables(), PUBLIC_URL: "https://pagerduty.example.com/" });
    try {
      const address = await signInAddress(own, stage.user);
      expect(address.searchParams.get("redirect_uri")).toBe(
        "https://pagerduty.example.com/pagerduty/oauth/callback",
      );
      expect(await follow(own, await consent(address))).toBe("https://pagerduty.example.com/?oauth=success");
      const denied = await own.request("/pagerduty/oauth/callback?error=access_denied");
      expect(denied.headers.get("location")).toBe(
        "https://pagerduty.example.com/?oauth=failed&error=access_denied",
      );
    } finally {
      await own.close();
    }
  });

  test("a misconfigured Worker's callback redirects to the Worker's own page if FRONTEND_URL is not set", async () => {
    const broken = await startWorker({ CREDENTIALS_KEYS: "oops" });
    try {
      const reply = await broken.request("/pagerduty/oauth/callback?code=a&state=b");
      expect([reply.status, reply.headers.get("location")]).toEqual([
        302,
        `${broken.url}/?oauth=failed&error=unexpected`,
      ]);
    } finally {
      await broken.close();
    }
  });

  test("a misconfigured Worker's callback redirects to FRONTEND_URL if this setting is valid", async () => {
    const broken = await startWorker({ CREDENTIALS_KEYS: "oops", FRONTEND_URL: `${FRONTEND}/` });
    try {
      const reply = await broken.request("/pagerduty/oauth/callback?code=a&state=b");
      expect([reply.status, reply.headers.get("location")]).toEqual([302, failed("unexpected")]);
    } finally {
      await broken.close();
    }
  });

  test("the sign-in of an EU account makes a connection with the region `eu`", async () => {
    const eu = await startWorker({ ...variables(), PAGERDUTY_API_URL: stage.pagerduty.euApiUrl });
    try {
      stage.account.oauthClients.clear();
      registerApp(stage.pagerduty.account({ subdomain: "europa", region: "eu" }));
      expect(await signIn(eu, stage.user)).toBe(`${eu.url}/?oauth=success`);
      expect((await eu.call(stage.user, "GET", "/pagerduty")).body).toMatchObject({
        region: "eu",
        accountSubdomain: "europa",
      });
    } finally {
      await eu.close();
    }
  });
});
