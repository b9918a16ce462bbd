import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { verifyIdToken } from "../../src/pagerduty/id-token.ts";

const NONCE = "the-nonce";
const CLIENT_ID = "client";
const US = "https://api.pagerduty.com";
const EU = "https://api.eu.pagerduty.com";
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

interface Signer {
  kid: string;
  keys: CryptoKeyPair;
}

let serial = 0;
let identityUrl: string;
let published: Signer[];
let fetches: number;

async function signer(kid: string): Promise<Signer> {
  const keys = await crypto.subtle.generateKey(RSA, true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error("no key pair");
  return { kid, keys };
}

beforeEach(() => {
  serial += 1;
  // The signing keys are cached for each identity server, so every test needs its own server.
  identityUrl = `https://identity-${serial}.example.com`;
  published = [];
  fetches = 0;
  vi.stubGlobal("fetch", async () => {
    fetches += 1;
    const keys = await Promise.all(
      published.map(async ({ kid, keys: { publicKey } }) => ({
        ...(await crypto.subtle.exportKey("jwk", publicKey)),
        kid,
        use: "sig",
        alg: "RS256",
        key_ops: undefined,
      })),
    );
    return Response.json({ keys });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const encode = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });

async function sign(by: Signer, claims: object = {}, header: object = {}): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const payload = {
    iss: `${identityUrl}/global/oauth/anonymous`,
    aud: [US, CLIENT_ID],
    azp: CLIENT_ID,
    sub: "example@pagerduty.com",
    iat: nowSeconds,
    exp: nowSeconds + 3600,
    nonce: NONCE,
    subdomain: "pdt-sample",
    region: "UnitedStates",
    ...claims,
  };
  const content = `${encode({ alg: "RS256", kid: by.kid, ...header })}.${encode(payload)}`;
  const bytes = await crypto.subtle.sign(RSA.name, by.keys.privateKey, new TextEncoder().encode(content));
  const signature = new Uint8Array(bytes).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${content}.${signature}`;
}

const verify = (idToken: string, apiUrl: string | null = null) =>
  verifyIdToken({ identityUrl, clientId: CLIENT_ID, clientSecret: "s" }, idToken, NONCE, apiUrl);

describe("the signed-in user", () => {
  test("is read from a token like the example in PagerDuty's guide", async () => {
    const one = await signer("one");
    published = [one];
    expect(await verify(await sign(one))).toEqual({
      subdomain: "pdt-sample",
      region: "us",
      email: "example@pagerduty.com",
    });
  });

  test.each([
    ["the US API", { aud: [US, CLIENT_ID] }, null, "us"],
    ["the EU API", { aud: [CLIENT_ID, `${EU}/`], region: "UnitedStates" }, null, "eu"],
    ["no API, and its region claim is Europe", { aud: CLIENT_ID, region: "Europe" }, null, "eu"],
    ["no API, and its region claim is the United States", { aud: CLIENT_ID }, null, "us"],
    [
      "the API that is configured",
      { aud: ["https://proxy", CLIENT_ID], region: undefined },
      "https://proxy",
      "us",
    ],
  ])("has the right region if the token's audience is %s", async (_, claims, apiUrl, region) => {
    const one = await signer("one");
    published = [one];
    expect(await verify(await sign(one, claims), apiUrl)).toMatchObject({ region });
  });

  test("is read even if the token lacks azp and iat, and even if its audience names no API", async () => {
    const one = await signer("one");
    published = [one];
    for (const aud of [CLIENT_ID, [CLIENT_ID], [CLIENT_ID, US], [`${EU}/`, CLIENT_ID]]) {
      const claims = { aud, azp: undefined, iat: undefined };
      expect(await verify(await sign(one, claims))).toMatchObject({ subdomain: "pdt-sample" });
    }
  });

  test("has no subdomain if the token's claim `subdomain` is invalid", async () => {
    const one = await signer("one");
    published = [one];
    expect(await verify(await sign(one, { subdomain: "evil.example.com/" }))).toMatchObject({
      subdomain: null,
    });
  });
});

describe("the signing keys", () => {
  test("are fetched once, and again if a token names an unknown key id", async () => {
    const [one, two] = [await signer("one"), await signer("two")];
    published = [one];
    await verify(await sign(one));
    await verify(await sign(one));
    expect(fetches).toBe(1);
    published = [two];
    await verify(await sign(two));
    expect(fetches).toBe(2);
    await expect(verify(await sign(one))).rejects.toThrow();
    expect(fetches).toBe(3);
  });
});

describe("a token does not verify with", () => {
  const past = Math.floor(Date.now() / 1000) - 7200;
  test.each([
    ["another issuer", { iss: "https://evil.example.com" }, {}],
    [
      "PagerDuty's issuer at another identity server",
      { iss: "https://app.pagerduty.com/global/oauth/anonymous" },
      {},
    ],
    ["another audience", { aud: [US, "another"] }, {}],
    ["another authorized party", { azp: "another" }, {}],
    ["an expiry in the past", { exp: past }, {}],
    ["a start in the future", { nbf: Math.floor(Date.now() / 1000) + 3600 }, {}],
    ["no API as an audience, and no region", { aud: CLIENT_ID, region: undefined }, {}],
    ["no API as an audience, and an unknown region", { aud: CLIENT_ID, region: "Mars" }, {}],
    [
      "a stranger's API as an audience, and no region",
      { aud: ["https://evil.example.com", CLIENT_ID], region: undefined },
      {},
    ],
    ["a second audience, and no authorized party", { aud: [US, CLIENT_ID, "another"], azp: undefined }, {}],
    ["another nonce", { nonce: "another" }, {}],
    ["an empty nonce", { nonce: "" }, {}],
    ["no issuer", { iss: undefined }, {}],
    ["no expiry", { exp: undefined }, {}],
    ["the algorithm none", {}, { alg: "none" }],
    ["the algorithm HS256", {}, { alg: "HS256" }],
    ["the algorithm RS512", {}, { alg: "RS512" }],
    ["critical extensions", {}, { crit: ["x"] }],
  ])("%s", async (_, claims, header) => {
    const one = await signer("one");
    published = [one];
    await expect(verify(await sign(one, claims, header))).rejects.toThrow();
  });

  test("a signature by another key with the same id", async () => {
    published = [await signer("one")];
    await expect(verify(await sign(await signer("one")))).rejects.toThrow();
  });

  test.each(["", ".", "..", "a.b.c", "e30.e30.", "{}"])("the content %j", async (text) => {
    await expect(verify(text)).rejects.toThrow();
    expect(fetches).toBe(0);
  });
});

test("a token without a nonce verifies, because PagerDuty does not promise one, and PKCE protects the sign-in", async () => {
  const one = await signer("one");
  published = [one];
  expect(await verify(await sign(one, { nonce: undefined }))).toMatchObject({ region: "us" });
});

test("at PagerDuty's own identity server, the issuers identity.pagerduty.com and app.pagerduty.com both verify", async () => {
  const one = await signer("one");
  published = [one];
  identityUrl = "https://identity.pagerduty.com";
  for (const host of ["identity", "app"]) {
    const iss = `https://${host}.pagerduty.com/global/oauth/anonymous`;
    expect(await verify(await sign(one, { iss }))).toMatchObject({ region: "us" });
  }
  const iss = "https://evil.pagerduty.com/global/oauth/anonymous";
  await expect(verify(await sign(one, { iss }))).rejects.toThrow();
});
