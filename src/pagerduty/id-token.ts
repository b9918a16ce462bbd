import {
  type AuthorizationServer,
  getValidatedIdTokenClaims,
  KEY_SELECTION,
  OperationProcessingError,
  processRefreshTokenResponse,
  validateApplicationLevelSignature,
} from "oauth4webapi";
import * as z from "zod/mini";
import { withDeadline } from "../deadline.ts";
import { insecureOption, type OAuthApp, serverOf } from "./oauth.ts";
import { apiUrlOf, Region } from "./region.ts";

/**
 * PagerDuty's ID token: who signed in, and in which region. Signed with RS256 by keys that are rotated at any
 * time.
 * https://developer.pagerduty.com/docs/pagerduty-openid-token
 */

/** What is used of it. Null where it does not say. */
export interface SignedIn {
  subdomain: string | null;
  region: Region | null;
  email: string | null;
}

const PAGERDUTY_IDENTITY_URL = "https://identity.pagerduty.com";
const JWKS_TIMEOUT_MS = 10_000;

const Claims = z.object({
  iss: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  sub: z.string(),
  nonce: z.nullish(z.unknown()),
  email: z.nullish(z.string()),
  subdomain: z.nullish(z.string()),
  region: z.nullish(z.string()),
});
type Claims = z.infer<typeof Claims>;

/** Described once for each issuer, because the library remembers the keys by the description. */
const servers = new Map<string, AuthorizationServer>();

/** Who may have issued it. */
function issuersOf(server: { issuer: string }, app: OAuthApp): string[] {
  // PagerDuty's guide and its live discovery document name different hosts: the guide, and the place of the
  // keys, identity.pagerduty.com; what is really signed, app.pagerduty.com. Both are PagerDuty's, and the keys
  // come from one place whatever the name; with another identity server there is no such doubt.
  return app.identityUrl === PAGERDUTY_IDENTITY_URL
    ? [server.issuer, "https://app.pagerduty.com/global/oauth/anonymous"]
    : [server.issuer];
}

/** The issuer that the token names, before anything of it is believed; chooses what to compare with. */
function claimedIssuer(idToken: string): string | undefined {
  try {
    const payload = Uint8Array.fromBase64(idToken.split(".")[1] ?? "", { alphabet: "base64url" });
    return z.object({ iss: z.string() }).safeParse(JSON.parse(new TextDecoder().decode(payload))).data?.iss;
  } catch {
    return undefined;
  }
}

/**
 * Verifies signature (RS256), issuer, audience, authorized party, times and nonce.
 * @param apiUrl `PAGERDUTY_API_URL`, or null
 * @throws whatever is wrong with it, or with getting the keys; it holds claims, so it is not for the log
 */
export async function verifyIdToken(
  app: OAuthApp,
  idToken: string,
  nonce: string,
  apiUrl: string | null,
): Promise<SignedIn> {
  const described = serverOf(app);
  const issuers = issuersOf(described, app);
  const issuer = issuers.find((one) => one === claimedIssuer(idToken)) ?? described.issuer;
  const server = servers.get(issuer) ?? { ...described, issuer };
  servers.set(issuer, server);
  // The library takes an ID token only out of a token answer; this one was taken out of it to be judged alone.
  const answer = Response.json({ access_token: "-", token_type: "bearer", id_token: idToken });
  const processed = await processRefreshTokenResponse(server, { client_id: app.clientId }, answer);
  await verifySignature(app, server, answer);
  const claims = Claims.parse(getValidatedIdTokenClaims(processed));
  // PagerDuty does not promise to send it back. Without it, it is PKCE that ties the answer to this sign-in.
  if (claims.nonce != null && claims.nonce !== nonce) throw new NonceError();
  return signedInOf(claims, apiUrl);
}

class NonceError extends Error {}

/** Which check failed, for the log: the library's messages are fixed texts, its causes are not. */
export function whyNotVerified(error: unknown): string {
  if (error instanceof OperationProcessingError) return error.message;
  if (error instanceof NonceError) return "the nonce is another one";
  return error instanceof Error ? error.name : "unknown";
}

/** With the keys as they are remembered (5 minutes); an unknown key has them fetched anew, once. */
async function verifySignature(app: OAuthApp, server: AuthorizationServer, answer: Response): Promise<void> {
  const verify = (described: AuthorizationServer) =>
    withDeadline(JWKS_TIMEOUT_MS, (signal) =>
      validateApplicationLevelSignature(described, answer, { signal, ...insecureOption(app) }),
    );
  try {
    await verify(server);
  } catch (error) {
    if (!(error instanceof OperationProcessingError) || error.code !== KEY_SELECTION) throw error;
    // Nobody but the identity server itself gets here, once for each sign-in, so this needs no other limit.
    const anew = { ...server };
    await verify(anew);
    servers.set(server.issuer, anew);
  }
}

function signedInOf(claims: Claims, apiUrl: string | null): SignedIn {
  const { email, sub, subdomain } = claims;
  return {
    subdomain: subdomain && /^[a-z0-9-]{1,63}$/.test(subdomain) ? subdomain : null,
    region: regionOf(claims, apiUrl),
    email: email ?? (sub.includes("@") ? sub : null),
  };
}

/** `aud` names the API of the account's region; the `region` claim says it in words ("UnitedStates"). */
function regionOf({ aud, region }: Claims, apiUrl: string | null): Region | null {
  const audience = [aud].flat().map((entry) => entry.replace(/\/+$/, ""));
  const named = Region.options.find((one) => audience.includes(apiUrlOf(one, null)));
  if (named) return named;
  if (/^eu/i.test(region ?? "")) return "eu";
  const isKnown = /^(us|united)/i.test(region ?? "") || (apiUrl !== null && audience.includes(apiUrl));
  return isKnown ? "us" : null;
}
