import { errors, jwtVerify } from "jose";
import * as z from "zod/mini";
import { keySetAt } from "../jwks.ts";
import { type OAuthApp, serverOf } from "./oauth.ts";
import { apiUrlOf, Region } from "./region.ts";

/**
 * Verifies PagerDuty's ID token, which says who signed in and in which region. PagerDuty may rotate the signing keys at
 * any time.
 * https://developer.pagerduty.com/docs/pagerduty-openid-token
 */

/** The claims that are used. `subdomain` and `email` are null if the token does not have them. */
export interface SignedIn {
  subdomain: string | null;
  region: Region;
  email: string | null;
}

const PAGERDUTY_IDENTITY_URL = "https://identity.pagerduty.com";
/** How long a key set is cached. If a token names an unknown key, the key set is fetched again at once. */
const JWKS_LIFE_MS = 5 * 60 * 1000;
const CLOCK_TOLERANCE_SECONDS = 30;

const Claims = z.lazy(() =>
  z.object({
    aud: z.union([z.string(), z.array(z.string())]),
    sub: z.nullish(z.string()),
    azp: z.nullish(z.unknown()),
    nonce: z.nullish(z.unknown()),
    email: z.nullish(z.string()),
    subdomain: z.nullish(z.string()),
    region: z.nullish(z.string()),
  }),
);
type Claims = z.infer<typeof Claims>;

/** No pause between two fetches: every token comes from the identity server, so a stranger cannot cause fetches. */
const JWKS_COOLDOWN_MS = 0;

function issuersOf(issuer: string, app: OAuthApp): string[] {
  // PagerDuty's guide names identity.pagerduty.com as the issuer; its live discovery document names app.pagerduty.com.
  // The keys come from identity.pagerduty.com for both issuers. If PAGERDUTY_IDENTITY_URL names another identity
  // server, only the issuer at that server's `/global/oauth/anonymous` is accepted.
  return app.identityUrl === PAGERDUTY_IDENTITY_URL
    ? [issuer, "https://app.pagerduty.com/global/oauth/anonymous"]
    : [issuer];
}

/**
 * Verifies a token's signature (RS256), issuer, audience, authorized party, times and nonce.
 * @param apiUrl `PAGERDUTY_API_URL`, or null
 * @throws if a check fails or the keys cannot be fetched. The error can hold claims: log `whyNotVerified(error)`
 * instead
 */
export async function verifyIdToken(
  app: OAuthApp,
  idToken: string,
  nonce: string,
  apiUrl: string | null,
): Promise<SignedIn> {
  const { issuer, jwks_uri } = serverOf(app);
  const keys = keySetAt(jwks_uri, { cacheMaxAge: JWKS_LIFE_MS, cooldownDuration: JWKS_COOLDOWN_MS });
  const { payload } = await jwtVerify(idToken, keys, {
    issuer: issuersOf(issuer, app),
    audience: app.clientId,
    algorithms: ["RS256"],
    requiredClaims: ["exp"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  });
  const claims = Claims.parse(payload);
  // PagerDuty does not promise to return the nonce. A token without a nonce is bound to this sign-in by PKCE.
  if (claims.nonce != null && claims.nonce !== nonce) throw new ClaimError("the nonce does not match");
  if (!isForUs(claims, app.clientId, apiUrl)) throw new ClaimError("the audience includes another party");
  const region = regionOf(claims, apiUrl);
  if (!region) throw new ClaimError("neither aud nor the region claim names a region");
  const { email, sub, subdomain } = claims;
  return {
    subdomain: subdomain && /^[a-z0-9-]{1,63}$/.test(subdomain) ? subdomain : null,
    region,
    email: email ?? (sub?.includes("@") ? sub : null),
  };
}

class ClaimError extends Error {}

/** Returns which check failed, for the log: codes and fixed texts, but no content of the token. */
export function whyNotVerified(error: unknown): string {
  if (error instanceof ClaimError) return error.message;
  if (error instanceof errors.JWTClaimValidationFailed) return `${error.code} ${error.claim} ${error.reason}`;
  if (error instanceof errors.JOSEError) return error.code;
  return error instanceof Error ? error.name : "unknown";
}

const withoutSlash = (url: string) => url.replace(/\/+$/, "");

/**
 * Whether the token is for our app. A claim `azp` (authorized party) must name our app. Without `azp`, the audience may
 * name only our app and PagerDuty's APIs (OpenID Connect Core, 3.1.3.7).
 */
function isForUs({ aud, azp }: Claims, clientId: string, apiUrl: string | null): boolean {
  if (azp != null) return azp === clientId;
  const apis: string[] = Region.options.map((region) => apiUrlOf(region, null));
  if (apiUrl !== null) apis.push(apiUrl);
  return [aud].flat().every((entry) => entry === clientId || apis.includes(withoutSlash(entry)));
}

/** Reads the region from the API's URL in `aud`, or else from the claim `region`. */
function regionOf({ aud, region }: Claims, apiUrl: string | null): Region | null {
  const audience = [aud].flat().map(withoutSlash);
  const named = Region.options.find((one) => audience.includes(apiUrlOf(one, null)));
  if (named) return named;
  if (/^eu/i.test(region ?? "")) return "eu";
  const isKnown = /^(us|united)/i.test(region ?? "") || (apiUrl !== null && audience.includes(apiUrl));
  return isKnown ? "us" : null;
}
