import { createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { OAuthClient } from "./account.ts";
import { type Account, type PagerDuty, startPagerDuty } from "./pagerduty.ts";
import { IdTokenClaims, TokenAnswer } from "./schemas.ts";

const CALLBACK = "https://example.com/callback";
const SCOPES = "openid users.read incidents.read";
const verifier = randomBytes(32).toString("base64url");
const challenge = createHash("sha256").update(verifier).digest("base64url");

let pagerduty: PagerDuty;
let account: Account;
let client: OAuthClient;

beforeEach(async () => {
  pagerduty = await startPagerDuty();
  account = pagerduty.account({ subdomain: "globex" });
  client = account.oauthClient();
});

afterEach(async () => {
  vi.useRealTimers();
  await pagerduty.close();
});

async function authorize(change: Record<string, string | null> = {}): Promise<URLSearchParams> {
  const url = new URL(`${pagerduty.identityUrl}/oauth/authorize`);
  const query: Record<string, string | null> = {
    response_type: "code",
    client_id: client.clientId,
    redirect_uri: CALLBACK,
    scope: SCOPES,
    state: "the state",
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...change,
  };
  for (const [name, value] of Object.entries(query)) if (value !== null) url.searchParams.set(name, value);
  const response = await fetch(url, { redirect: "manual" });
  expect(response.status).toBe(302);
  const back = new URL(response.headers.get("location") ?? "");
  expect(back.href.startsWith(CALLBACK)).toBe(true);
  return back.searchParams;
}

async function post(fields: Record<string, string>, headers: Record<string, string> = {}) {
  const response = await fetch(`${pagerduty.identityUrl}/oauth/token`, {
    method: "POST",
    headers,
    body: new URLSearchParams(fields),
  });
  return { status: response.status, body: await response.json() };
}

const credentials = () => ({ client_id: client.clientId, client_secret: client.clientSecret });

const redemption = (code: string, change: Record<string, string> = {}) => ({
  grant_type: "authorization_code",
  code,
  redirect_uri: CALLBACK,
  code_verifier: verifier,
  ...credentials(),
  ...change,
});

const refresh = (refresh_token: string) =>
  post({ grant_type: "refresh_token", refresh_token, ...credentials() });

async function signIn(change: Record<string, string | null> = {}): Promise<TokenAnswer> {
  const code = (await authorize(change)).get("code") ?? "";
  const { status, body } = await post(redemption(code));
  expect(status).toBe(200);
  return TokenAnswer.parse(body);
}

async function rest(token: string, path: string): Promise<number> {
  const headers = { accept: "application/vnd.pagerduty+json;version=2", authorization: `Bearer ${token}` };
  return (await fetch(pagerduty.apiUrl + path, { headers })).status;
}

async function openIdToken(idToken = ""): Promise<{ genuine: boolean; claims: IdTokenClaims }> {
  const [header = "", payload = "", signature = ""] = idToken.split(".");
  const { kid } = JSON.parse(Buffer.from(header, "base64url").toString());
  const jwks = await (await fetch(`${pagerduty.identityUrl}/global/oauth/anonymous/jwks`)).json();
  const key = jwks.keys.find((candidate: { kid: string }) => candidate.kid === kid);
  const genuine =
    key !== undefined &&
    verify(
      "RSA-SHA256",
      Buffer.from(`${header}.${payload}`),
      createPublicKey({ key, format: "jwk" }),
      Buffer.from(signature, "base64url"),
    );
  return { genuine, claims: IdTokenClaims.parse(JSON.parse(Buffer.from(payload, "base64url").toString())) };
}

test("a consent gives tokens that work at the account's REST API within their scopes", async () => {
  const answer = await authorize();
  expect(answer.get("state")).toBe("the state");
  const { body } = await post(redemption(answer.get("code") ?? ""));
  const tokens = TokenAnswer.parse(body);
  expect(tokens).toMatchObject({
    scope: SCOPES,
    expires_in: 3600,
    access_token: expect.stringMatching(/^pdus\+_0/),
  });
  expect(await rest(tokens.access_token, "/users/me")).toBe(200);
  expect(await rest(tokens.access_token, "/incidents")).toBe(200);
  expect(await rest(tokens.access_token, "/webhook_subscriptions")).toBe(403);
});

test("the ID token is signed with the published key, and contains the client, the API, the account and the nonce", async () => {
  const tokens = await signIn({ nonce: "n-1" });
  const { genuine, claims } = await openIdToken(tokens.id_token);
  expect(genuine).toBe(true);
  expect(claims).toMatchObject({
    iss: `${pagerduty.identityUrl}/global/oauth/anonymous`,
    aud: [client.clientId, pagerduty.apiUrl],
    nonce: "n-1",
    subdomain: "globex",
    account_id: account.id,
    user_id: account.user.id,
  });
  pagerduty.rotateSigningKey();
  expect((await openIdToken(tokens.id_token)).genuine).toBe(false);
  expect((await openIdToken((await signIn()).id_token)).genuine).toBe(true);
});

test("an ID token can have each fault of `IdTokenFault`", async () => {
  const claimsWith = async (fault: typeof pagerduty.faults.idToken) => {
    pagerduty.faults.idToken = fault;
    return await openIdToken((await signIn({ nonce: "n-1" })).id_token);
  };
  expect((await claimsWith("bad_signature")).genuine).toBe(false);
  expect((await claimsWith("wrong_issuer")).claims.iss).not.toContain(pagerduty.identityUrl);
  expect((await claimsWith("wrong_audience")).claims.aud).not.toContain(client.clientId);
  expect((await claimsWith("expired")).claims.exp).toBeLessThan(Date.now() / 1000);
  expect((await claimsWith("wrong_nonce")).claims.nonce).not.toBe("n-1");
  pagerduty.faults.idToken = "absent";
  expect((await signIn()).id_token).toBeUndefined();
});

test("a Scoped app needs PKCE to request a code, and the right verifier to redeem the code", async () => {
  const refused = await authorize({ code_challenge: null, code_challenge_method: null });
  expect([refused.get("error"), refused.get("code")]).toEqual(["invalid_request", null]);
  const code = (await authorize()).get("code") ?? "";
  const wrong = await post(redemption(code, { code_verifier: randomBytes(32).toString("base64url") }));
  expect(wrong).toEqual({ status: 400, body: { error: "invalid_grant" } });
});

test("a code works once, only for its redirect URI, and for 30 seconds", async () => {
  const code = (await authorize()).get("code") ?? "";
  expect((await post(redemption(code))).status).toBe(200);
  expect((await post(redemption(code))).body).toEqual({ error: "invalid_grant" });
  const moved = (await authorize()).get("code") ?? "";
  const elsewhere = redemption(moved, { redirect_uri: "https://example.com/other" });
  expect((await post(elsewhere)).body).toEqual({ error: "invalid_grant" });
  const late = (await authorize()).get("code") ?? "";
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 30_000 });
  expect((await post(redemption(late))).body).toEqual({ error: "invalid_grant" });
});

test("a refresh returns new tokens and uses up the old refresh token", async () => {
  const first = await signIn();
  const { status, body } = await refresh(first.refresh_token);
  const second = TokenAnswer.parse(body);
  expect(status).toBe(200);
  expect(second.refresh_token).not.toBe(first.refresh_token);
  expect(await rest(second.access_token, "/users/me")).toBe(200);
  expect(await refresh(first.refresh_token)).toEqual({ status: 400, body: { error: "invalid_grant" } });
  expect((await refresh(second.refresh_token)).status).toBe(200);
  expect(account.refreshCount).toBe(2);
});

test("an access token expires, and all tokens end when the consent is withdrawn", async () => {
  const tokens = await signIn();
  account.revokeGrants();
  expect(await rest(tokens.access_token, "/users/me")).toBe(401);
  expect((await refresh(tokens.refresh_token)).body).toEqual({ error: "invalid_grant" });
  pagerduty.faults.expiresIn = 60;
  const brief = await signIn();
  expect(brief.expires_in).toBe(60);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
  expect(await rest(brief.access_token, "/users/me")).toBe(401);
  expect((await refresh(brief.refresh_token)).status).toBe(200);
});

test("scopes that are not granted are left out of the answer without an error", async () => {
  pagerduty.faults.dropScopes = ["incidents.read"];
  const tokens = await signIn();
  expect(tokens.scope).toBe("openid users.read");
  expect(await rest(tokens.access_token, "/incidents")).toBe(403);
  client = account.oauthClient({ scopes: ["openid", "incidents.read"] });
  pagerduty.faults.dropScopes = [];
  expect((await signIn()).scope).toBe("openid incidents.read");
});

test("a Classic app has the scopes read or write, and needs no PKCE", async () => {
  client = account.oauthClient({ scoped: false });
  const unproven = { code_challenge: null, code_challenge_method: null };
  const code = (await authorize({ ...unproven, scope: "read incidents.read" })).get("code") ?? "";
  const { code_verifier: _, ...fields } = redemption(code);
  const tokens = TokenAnswer.parse((await post(fields)).body);
  expect(tokens.scope).toBe("read");
  expect(await rest(tokens.access_token, "/webhook_subscriptions")).toBe(200);
});

test("a client can send its secret with Basic authentication, and a call with a missing or wrong secret is refused", async () => {
  const { client_id, client_secret, ...fields } = redemption((await authorize()).get("code") ?? "");
  expect((await post(fields)).body).toEqual({ error: "invalid_client" });
  const wrong = { ...fields, client_id, client_secret: "wrong" };
  expect(await post(wrong)).toEqual({ status: 401, body: { error: "invalid_client" } });
  const basic = Buffer.from(`${client_id}:${client_secret}`).toString("base64");
  expect((await post(fields, { authorization: `Basic ${basic}` })).status).toBe(200);
});

test("no code is issued if the user refuses the consent, or if the redirect URI is not registered", async () => {
  expect((await authorize({ deny: "1" })).get("error")).toBe("access_denied");
  pagerduty.faults.denyConsent = true;
  expect((await authorize()).get("error")).toBe("access_denied");
  client = account.oauthClient({ redirectUris: ["https://example.com/only-this"] });
  const url = `${pagerduty.identityUrl}/oauth/authorize?client_id=${client.clientId}&redirect_uri=${CALLBACK}`;
  expect((await fetch(url, { redirect: "manual" })).status).toBe(400);
});

test("tokens of an EU account have the EU prefix and audience, and the US API refuses them", async () => {
  const european = pagerduty.account({ region: "eu" });
  client = european.oauthClient();
  const tokens = await signIn();
  expect(tokens.access_token).toMatch(/^pdeu\+_0/);
  expect(await rest(tokens.access_token, "/users/me")).toBe(401);
  expect((await openIdToken(tokens.id_token)).claims.aud).toContain(pagerduty.euApiUrl);
});

test("a user of a different account can consent to the app", async () => {
  const other = pagerduty.account({ subdomain: "initech" });
  pagerduty.signedInAs = other;
  expect((await openIdToken((await signIn()).id_token)).claims.subdomain).toBe("initech");
});

test("if a fault applies to one call, the identity server answers the next call normally", async () => {
  const { refresh_token } = await signIn();
  pagerduty.faults.identity = { status: 503, body: "{}", times: 1 };
  expect((await refresh(refresh_token)).status).toBe(503);
  expect((await refresh(refresh_token)).status).toBe(200);
});
