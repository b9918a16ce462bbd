import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import * as z from "zod/mini";
import { readText, withDeadline } from "../limits.ts";
import { type OAuthApp, serverOf } from "./oauth.ts";
import { apiUrlOf, Region } from "./region.ts";

/**
 * PagerDuty's ID token: who signed in, and in which region. Signed with RS256 by keys that are rotated at any
 * time.
 * https://developer.pagerduty.com/docs/pagerduty-openid-token
 */

/** What is used of it. Null where it does not say. */
export interface SignedIn {
  subdomain: string | null;
  region: Region;
  email: string | null;
}

const PAGERDUTY_IDENTITY_URL = "https://identity.pagerduty.com";
const JWKS_TIMEOUT_MS = 10_000;
/** A key set has a few keys of some hundred bytes. */
const MAX_JWKS_BYTES = 64 * 1024;
/** How long keys are remembered; an unknown one has them fetched anew at once. */
const JWKS_LIFE_MS = 5 * 60 * 1000;
/** By how much PagerDuty's clock may differ from ours. */
const CLOCK_TOLERANCE_SECONDS = 30;

const Claims = z.object({
  aud: z.union([z.string(), z.array(z.string())]),
  sub: z.nullish(z.string()),
  azp: z.nullish(z.unknown()),
  nonce: z.nullish(z.unknown()),
  email: z.nullish(z.string()),
  subdomain: z.nullish(z.string()),
  region: z.nullish(z.string()),
});
type Claims = z.infer<typeof Claims>;

/** By where they are published, for the life of the isolate. */
const keySets = new Map<string, JWTVerifyGetKey>();

function keysOf(address: string): JWTVerifyGetKey {
  let keys = keySets.get(address);
  if (!keys) {
    keys = createRemoteJWKSet(new URL(address), {
      cacheMaxAge: JWKS_LIFE_MS,
      // Nobody but the identity server itself brings a token here, once for each sign-in: no other limit is needed.
      cooldownDuration: 0,
      [customFetch]: fetchKeys,
    });
    keySets.set(address, keys);
  }
  return keys;
}

const fetchKeys = (address: string, { headers }: { headers: Headers }): Promise<Response> =>
  withDeadline(JWKS_TIMEOUT_MS, async (signal) => {
    const response = await fetch(address, { headers, redirect: "manual", signal });
    const text = await readText(response, MAX_JWKS_BYTES);
    return new Response(text, { status: text === null ? 502 : response.status });
  });

/** Who may have issued it. */
function issuersOf(issuer: string, app: OAuthApp): string[] {
  // PagerDuty's guide and its live discovery document name different hosts: the guide, and the place of the
  // keys, identity.pagerduty.com; what is really signed, app.pagerduty.com. Both are PagerDuty's, and the keys
  // come from one place whatever the name; with another identity server there is no such doubt.
  return app.identityUrl === PAGERDUTY_IDENTITY_URL
    ? [issuer, "https://app.pagerduty.com/global/oauth/anonymous"]
    : [issuer];
}

/**
 * Verifies signature (RS256), issuer, audience, authorized party, times and nonce.
 * @param apiUrl `PAGERDUTY_API_URL`, or null
 * @throws whatever is wrong with it, or with getting the keys; it can hold claims, so it is not for the log
 */
export async function verifyIdToken(
  app: OAuthApp,
  idToken: string,
  nonce: string,
  apiUrl: string | null,
): Promise<SignedIn> {
  const { issuer, jwks_uri } = serverOf(app);
  const { payload } = await jwtVerify(idToken, keysOf(jwks_uri), {
    issuer: issuersOf(issuer, app),
    audience: app.clientId,
    algorithms: ["RS256"],
    requiredClaims: ["exp"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  });
  const claims = Claims.parse(payload);
  // PagerDuty does not promise to send it back. Without it, it is PKCE that ties the answer to this sign-in.
  if (claims.nonce != null && claims.nonce !== nonce) throw new ClaimError("the nonce is another one");
  if (!isForUs(claims, app.clientId, apiUrl)) throw new ClaimError("it is for somebody else as well");
  const region = regionOf(claims, apiUrl);
  if (!region) throw new ClaimError("it names no region's API");
  const { email, sub, subdomain } = claims;
  return {
    subdomain: subdomain && /^[a-z0-9-]{1,63}$/.test(subdomain) ? subdomain : null,
    region,
    email: email ?? (sub?.includes("@") ? sub : null),
  };
}

class ClaimError extends Error {}

/** Which check failed, for the log: codes and fixed texts, nothing out of the token. */
export function whyNotVerified(error: unknown): string {
  if (error instanceof ClaimError) return error.message;
  if (error instanceof errors.JWTClaimValidationFailed) return `${error.code} ${error.claim} ${error.reason}`;
  if (error instanceof errors.JOSEError) return error.code;
  return error instanceof Error ? error.name : "unknown";
}

const withoutSlash = (url: string) => url.replace(/\/+$/, "");

/**
 * The authorized party is us. Where the token does not name one, it may be for nobody but us and PagerDuty's APIs
 * (OpenID Connect Core, 3.1.3.7).
 */
function isForUs({ aud, azp }: Claims, clientId: string, apiUrl: string | null): boolean {
  if (azp != null) return azp === clientId;
  const apis: string[] = Region.options.map((region) => apiUrlOf(region, null));
  if (apiUrl !== null) apis.push(apiUrl);
  return [aud].flat().every((entry) => entry === clientId || apis.includes(withoutSlash(entry)));
}

/** `aud` names the API of the account's region; the `region` claim says it in words ("UnitedStates"). */
function regionOf({ aud, region }: Claims, apiUrl: string | null): Region | null {
  const audience = [aud].flat().map(withoutSlash);
  const named = Region.options.find((one) => audience.includes(apiUrlOf(one, null)));
  if (named) return named;
  if (/^eu/i.test(region ?? "")) return "eu";
  const isKnown = /^(us|united)/i.test(region ?? "") || (apiUrl !== null && audience.includes(apiUrl));
  return isKnown ? "us" : null;
}
