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
  test("gives PagerDuty's address, with PKCE, a state and a nonce, and no secret", async () => {
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

  test("no two are alike", async () => {
    const [one, other] = await Promise.all([
      signInAddress(stage.worker, stage.user),
      signInAddress(stage.worker, stage.user),
    ]);
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(one.searchParams.get(name)).not.toBe(other.searchParams.get(name));
    }
  });

  test("is Aurora's alone", async () => {
    const reply = await stage.worker.call(stage.user, "POST", "/pagerduty/oauth/login", {
      headers: { "x-internal-secret": "wrong" },
    });
    expect(reply.status).toBe(403);
  });

  test("an option of the wrong kind is 400", async () => {
    expect((await login(stage.worker, stage.user, { subscribe: "yes" })).status).toBe(400);
  });
});

describe("the whole way", () => {
  test("connects, and the status says so at once", async () => {
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

  test("the callback's answer is not kept anywhere, and names no address to the next page", async () => {
    const { headers } = await callback("?code=x&state=y");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
  });

  test("the webhook subscription is made as well when that was wished for", async () => {
    expect(await signIn(stage.worker, stage.user, { subscribe: true })).toBe(SUCCESS);
    expect(stage.account.subscriptions.size).toBe(1);
    expect(await status()).toMatchObject({ webhook: { verification: "signature" }, problems: [] });
  });

  test("nothing of the tokens is readable at rest", async () => {
    await signIn(stage.worker, stage.user);
    const { CONNECTIONS } = await stage.worker.handle.getEnv();
    const copy = () => CONNECTIONS.get(`connection:user:${stage.user}`);
    await until("the copy in KV", async () => (await copy()) !== null);
    expect(await copy()).toMatch(/^k1\.[\w-]+\.[\w-]+$/);
  });

  test("PagerDuty's API is called with the access token", async () => {
    await signIn(stage.worker, stage.user);
    stage.pagerduty.clearRequests();
    expect((await stage.worker.call(stage.user, "POST", "/pagerduty/subscription")).status).toBe(201);
    expect(stage.pagerduty.requests.every(({ authorization }) => authorization === "Bearer")).toBe(true);
  });

  test("an API token's connection of the same account becomes an OAuth one, its webhooks stay", async () => {
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

  test("a new signing key of PagerDuty's is fetched", async () => {
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    stage.pagerduty.rotateSigningKey();
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    stage.pagerduty.rotateSigningKey();
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
  });

  test("an answer without an ID token is made up for by the API", async () => {
    stage.pagerduty.faults.idToken = "absent";
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    expect(await status()).toMatchObject({ accountSubdomain: "acme", region: "us" });
  });
});

test.each([
  ["no type of token", { token_type: undefined }],
  ["a refresh token, a scope and an ID token of null", { refresh_token: null, scope: null, id_token: null }],
])("an answer with %s connects", async (_, change) => {
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

describe("a sign-in that fails", () => {
  test("the user says no", async () => {
    stage.pagerduty.faults.denyConsent = true;
    expect(await signIn(stage.worker, stage.user)).toBe(failed("access_denied"));
    expect(await status()).toEqual({ connected: false });
  });

  test.each([
    ["access_denied without a state", "?error=access_denied", "access_denied"],
    ["access_denied with a forged state", "?error=access_denied&state=forged", "access_denied"],
    ["another error", "?error=server_error&state=x", "invalid"],
    ["nothing", "", "invalid"],
    ["a code without a state", "?code=abc", "invalid"],
    ["a state that is a user id", "?code=abc&state=alice", "invalid"],
    [
      "a state of the right form",
      "?code=abc&state=k1.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
      "invalid",
    ],
    ["a state of another key", "?code=abc&state=k9.AAAAAAAAAAAAAAAA.AAAA", "invalid"],
  ])("%s", async (_, query, error) => {
    const reply = await callback(query);
    expect([reply.status, reply.headers.get("location")]).toEqual([302, failed(error)]);
    expect(tokenRequests()).toEqual([]);
  });

  test("a state without a code leaves the sign-in to be finished", async () => {
    const address = await signInAddress(stage.worker, stage.user);
    expect((await callback(`?state=${stateOf(address)}`)).headers.get("location")).toBe(failed("invalid"));
    expect(await follow(stage.worker, await consent(address))).toBe(SUCCESS);
  });

  test("HEAD uses nothing up", async () => {
    const back = await consent(await signInAddress(stage.worker, stage.user));
    await stage.worker.request(back.pathname + back.search, { method: "HEAD" });
    expect(await follow(stage.worker, back)).toBe(SUCCESS);
  });

  test("a changed state", async () => {
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

  test("a state or a code that comes twice in the address", async () => {
    for (const name of ["state", "code"]) {
      const back = await consent(await signInAddress(stage.worker, stage.user));
      back.searchParams.append(name, "another");
      expect(await follow(stage.worker, back)).toBe(failed("invalid"));
    }
    expect(tokenRequests()).toEqual([]);
  });

  test("a state used twice, with its own code and with a new one", async () => {
    const address = await signInAddress(stage.worker, stage.user);
    const [first, second] = [await consent(address), await consent(address)];
    expect(await follow(stage.worker, first)).toBe(SUCCESS);
    expect(await follow(stage.worker, first)).toBe(failed("invalid"));
    expect(await follow(stage.worker, second)).toBe(failed("invalid"));
    expect(tokenRequests()).toHaveLength(1);
    expect(await status()).toMatchObject({ connected: true });
  });

  test("a state used twice at the same moment works once", async () => {
    const back = await consent(await signInAddress(stage.worker, stage.user));
    const ends = await Promise.all(Array.from({ length: 10 }, () => follow(stage.worker, back)));
    expect(ends.filter((end) => end === SUCCESS)).toHaveLength(1);
    expect(ends.filter((end) => end === failed("invalid"))).toHaveLength(9);
    expect(tokenRequests()).toHaveLength(1);
  });

  test("a code exchanged twice", async () => {
    const first = await consent(await signInAddress(stage.worker, stage.user));
    const second = await consent(await signInAddress(stage.worker, stage.user));
    second.searchParams.set("code", first.searchParams.get("code") ?? "");
    expect(await follow(stage.worker, first)).toBe(SUCCESS);
    expect(await follow(stage.worker, second)).toBe(failed("exchange_failed"));
    expect(await status()).toMatchObject({ connected: true });
  });

  test("a code that was made for another sign-in does not fit its verifier", async () => {
    const mine = await consent(await signInAddress(stage.worker, stage.user));
    const theirs = await consent(await signInAddress(stage.worker, "mallory"));
    mine.searchParams.set("code", theirs.searchParams.get("code") ?? "");
    expect(await follow(stage.worker, mine)).toBe(failed("exchange_failed"));
    expect(await status()).toEqual({ connected: false });
  });
});

describe("a state that this Worker's key sealed", () => {
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

  test("and that has expired is invalid, one that nobody was given too", async () => {
    expect(await end(await sealState(issued({ expiresAtMs: Date.now() - 1 })))).toBe(failed("invalid"));
    expect(await end(await sealState(issued({})))).toBe(failed("invalid"));
  });

  test("for another user than it was given to is invalid", async () => {
    const address = await signInAddress(stage.worker, stage.user);
    const opened = await openState(stateOf(address));
    expect(opened).toMatchObject({ userId: stage.user });
    expect(await end(await sealState({ ...opened, userId: "mallory" }))).toBe(failed("invalid"));
    expect(await follow(stage.worker, await consent(address))).toBe(SUCCESS);
  });

  test("for another purpose opens nothing: a user's connection is no state", async () => {
    await signIn(stage.worker, stage.user);
    const { CONNECTIONS } = await stage.worker.handle.getEnv();
    expect(await end((await CONNECTIONS.get(`connection:user:${stage.user}`)) ?? "")).toBe(failed("invalid"));
  });

  test("lives ten minutes", async () => {
    const earliestMs = Date.now() + LOGIN_LIFE_MS;
    const opened = await openState(stateOf(await signInAddress(stage.worker, stage.user)));
    expect(opened.expiresAtMs).toBeGreaterThanOrEqual(earliestMs);
    expect(opened.expiresAtMs).toBeLessThanOrEqual(Date.now() + LOGIN_LIFE_MS);
  });
});

describe("a sign-in that a browser began by itself", () => {
  async function begin() {
    const reply = await login(stage.worker, stage.user, { bind: true });
    const [cookie = ""] = (reply.headers.get("set-cookie") ?? "").split("; ");
    const back = await consent(new URL(JSON.parse(reply.text).oauth_url));
    const end = async (headers: Record<string, string>) =>
      (await stage.worker.request(back.pathname + back.search, { headers })).headers.get("location");
    return { reply, cookie, end };
  }

  test("is finished by that browser alone, and no other uses it up", async () => {
    const { reply, cookie, end } = await begin();
    expect(reply.headers.get("set-cookie")).toMatch(
      /^pagerduty_login_[\w-]+=[\w-]{43}; Path=\/pagerduty\/oauth\/callback; Max-Age=600; HttpOnly; SameSite=Lax$/,
    );
    expect(await end({})).toBe(failed("invalid"));
    expect(await end({ cookie: cookie.slice(0, -1) })).toBe(failed("invalid"));
    expect(await end({ cookie: (await begin()).cookie })).toBe(failed("invalid"));
    expect(await end({ cookie: `a=b; ${cookie}; c=d` })).toBe(SUCCESS);
  });

  test("Aurora's server gets no cookie, and its user's browser needs none", async () => {
    expect((await login(stage.worker, stage.user)).headers.get("set-cookie")).toBeNull();
  });
});

describe("an exchange that fails", () => {
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
    ["an error that is no word", { status: 400, body: '{"error":{"a":"<b>"}}' }],
    ["no access token", { body: JSON.stringify({ ...tokens, access_token: undefined }) }],
    [
      "an access token that no header can carry",
      { body: JSON.stringify({ ...tokens, access_token: "a\nb" }) },
    ],
    ["a token type that we do not know", { body: JSON.stringify({ ...tokens, token_type: "mac" }) }],
    ["a life that is no number", { body: JSON.stringify({ ...tokens, expires_in: "soon" }) }],
    ["too much", { body: JSON.stringify({ ...tokens, more: "x".repeat(100_000) }) }],
  ])("with %s is exchange_failed, and changes nothing", async (_, fault) => {
    stage.pagerduty.faults.identity = { ...fault, match: atToken };
    expect(await signIn(stage.worker, stage.user)).toBe(failed("exchange_failed"));
    expect(await status()).toEqual({ connected: false });
  });

  test("because our secret is wrong is exchange_failed", async () => {
    registerApp(stage.account, { clientSecret: "another" });
    expect(await signIn(stage.worker, stage.user)).toBe(failed("exchange_failed"));
  });

  test.each(["bad_signature", "wrong_issuer", "wrong_audience", "expired", "wrong_nonce"] as const)(
    "an ID token with %s is validation_failed",
    async (fault) => {
      stage.pagerduty.faults.idToken = fault;
      expect(await signIn(stage.worker, stage.user)).toBe(failed("validation_failed"));
      expect(await status()).toEqual({ connected: false });
    },
  );

  test("keys that cannot be fetched are validation_failed", async () => {
    stage.pagerduty.rotateSigningKey();
    stage.pagerduty.faults.identity = { status: 503, match: (_, path) => path.endsWith("/jwks") };
    expect(await signIn(stage.worker, stage.user)).toBe(failed("validation_failed"));
  });

  test.each([
    ["401", { status: 401 }],
    ["429", { status: 429 }],
    ["500", { status: 500 }],
    ["a reset connection", { reset: true }],
  ])("an API that answers %s when asked whose token it is: validation_failed", async (_, fault) => {
    stage.pagerduty.faults.api = fault;
    expect(await signIn(stage.worker, stage.user)).toBe(failed("validation_failed"));
    expect(await status()).toEqual({ connected: false });
  });
});

describe("the redirect is always the exact one", () => {
  const evil = "https://evil.example.com";
  test.each([
    ["an open redirect", `?redirect=${evil}&next=${evil}&redirect_uri=${evil}&return_to=//evil.example.com`],
    ["an open redirect in the error", `?error=${evil}&error_description=${evil}&error_uri=${evil}`],
    [
      "a header injection",
      "?error=x%0d%0aset-cookie:%20a=b&state=%0d%0alocation:%20https://evil.example.com",
    ],
    ["markup", "?code=<script>alert(1)</script>&state=%3Cscript%3E"],
    ["a broken escape", "?code=%&state=%zz%ff"],
    ["10 KB of code", `?code=${"c".repeat(10_240)}&state=s`],
    ["10 KB of state", `?code=c&state=${"s".repeat(10_240)}`],
    ["10 KB of error", `?error=${"e".repeat(10_240)}`],
    ["10 KB of something", `?x=${"x".repeat(10_240)}`],
    ["NUL", "?code=%00&state=%00"],
  ])("%s", async (_, query) => {
    const reply = await callback(query);
    expect(reply.status).toBe(302);
    expect(reply.headers.get("location")).toBe(failed("invalid"));
    expect(reply.headers.get("set-cookie")).toBeNull();
    expect(reply.text).toBe("");
  });

  test("10 KB of code with a good state", async () => {
    const state = stateOf(await signInAddress(stage.worker, stage.user));
    const reply = await callback(`?code=${"c".repeat(10_240)}&state=${state}`);
    expect(reply.headers.get("location")).toBe(failed("invalid"));
    expect(tokenRequests()).toEqual([]);
  });

  test("a Host that is not ours changes nothing", async () => {
    const reply = await stage.worker.request("/pagerduty/oauth/callback", {
      headers: { "x-forwarded-host": "evil" },
    });
    expect(reply.headers.get("location")).toBe(failed("invalid"));
  });
});

describe("scopes", () => {
  const problems = (body: unknown) =>
    typeof body === "object" && body !== null && "problems" in body && Array.isArray(body.problems)
      ? body.problems.filter(({ code }) => code === "missing_scopes")
      : [];

  test("that were not granted are named, with what does not work; the rest works", async () => {
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

  test("without users.read it connects, and knows the account from the ID token", async () => {
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

  test("openid is no problem to be without", async () => {
    stage.pagerduty.faults.dropScopes = ["openid"];
    expect(await signIn(stage.worker, stage.user)).toBe(SUCCESS);
    const body = await status();
    expect(body).toMatchObject({ oauth: { missingScopes: ["openid"] }, accountSubdomain: "acme" });
    expect(problems(body)).toEqual([]);
  });

  test.each([
    ["read", false],
    ["write", true],
  ])("a Classic app with %s connects; may it write: %s", async (scope, canWrite) => {
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

  test("off: 403 in the contract's words, and the callback says so", async () => {
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
  ])("without %j: 500, naming what is missing", async (change, names) => {
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
      // Nothing but signing in needs them.
      expect((await bare.call(stage.user, "GET", "/pagerduty")).status).toBe(200);
    } finally {
      await bare.close();
    }
  });

  test("without FRONTEND_URL the browser ends on our own page, by the public address", async () => {
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

  test("a Worker that is misconfigured still sends the browser on", async () => {
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

  test("to Aurora, when that address is not what is wrong", async () => {
    const broken = await startWorker({ CREDENTIALS_KEYS: "oops", FRONTEND_URL: `${FRONTEND}/` });
    try {
      const reply = await broken.request("/pagerduty/oauth/callback?code=a&state=b");
      expect([reply.status, reply.headers.get("location")]).toEqual([302, failed("unexpected")]);
    } finally {
      await broken.close();
    }
  });

  test("an account in Europe connects there", async () => {
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
