import { createRemoteJWKSet, type JWTVerifyGetKey, jwtVerify } from "jose";

/**
 * Cloudflare Access stands in front of the console in production and vouches for its visitors with a signed
 * assertion. It is checked here all the same: a Worker may also be reached on a host that Access does not guard.
 * https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/
 */

export interface Access {
  /** `https://<team>.cloudflareaccess.com`, the issuer. */
  teamUrl: string;
  /** The application's audience tag. */
  audience: string;
}

export type Visit =
  | { ok: true; userId: string; untilMs: number }
  /** `unavailable`: the team's keys could not be had. The reason is for the log. */
  | { ok: false; problem: "invalid" | "unavailable"; reason: string };

/** Of each team, for the life of the isolate: they are fetched again when an unknown key turns up. */
const keySets = new Map<string, JWTVerifyGetKey>();
/** What jose says when the fault is not the assertion's. */
const PASSING = new Set(["ERR_JWKS_TIMEOUT", "ERR_JOSE_GENERIC"]);

function keysOf(teamUrl: string): JWTVerifyGetKey {
  let keys = keySets.get(teamUrl);
  if (!keys) {
    keys = createRemoteJWKSet(new URL(`${teamUrl}/cdn-cgi/access/certs`));
    keySets.set(teamUrl, keys);
  }
  return keys;
}

/**
 * Who the assertion is about: the e-mail address in lower case, else the subject, whichever is a user id.
 * @param isUserId the contract's pattern
 */
export async function verifyVisit(
  { teamUrl, audience }: Access,
  assertion: string,
  isUserId: (text: string) => boolean,
): Promise<Visit> {
  try {
    const { payload } = await jwtVerify(assertion, keysOf(teamUrl), {
      issuer: teamUrl,
      audience,
      algorithms: ["RS256"],
      requiredClaims: ["exp", "iat"],
    });
    const email = typeof payload["email"] === "string" ? payload["email"] : "";
    // Asked before the case is changed: to lower case, some letters outside of ASCII become somebody else's k.
    const userId = isUserId(email) ? email.toLowerCase() : (payload.sub ?? "");
    if (!isUserId(userId)) return { ok: false, problem: "invalid", reason: "It names no usable user" };
    return { ok: true, userId, untilMs: (payload.exp ?? 0) * 1000 };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "network";
    const passing = code === "network" || PASSING.has(code);
    return { ok: false, problem: passing ? "unavailable" : "invalid", reason: code };
  }
}
