import { jwtVerify } from "jose";
import { keySetAt } from "../jwks.ts";

/**
 * In production, Cloudflare Access protects the console and sends a signed assertion that names the visitor. The
 * assertion is verified here, because the Worker may also be reachable on a host that Access does not protect.
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
  /** `unavailable`: the team's keys could not be fetched. The reason is for the log. */
  | { ok: false; problem: "invalid" | "unavailable"; reason: string };

/** jose's error codes for a failure to fetch the keys: the assertion may still be valid. */
const PASSING = new Set(["ERR_JWKS_TIMEOUT", "ERR_JOSE_GENERIC"]);

/**
 * Verifies an assertion and returns its user: the e-mail address in lower case, or the assertion's subject if the
 * address is not a valid user id.
 * @param isUserId whether a text is a valid user id
 */
export async function verifyVisit(
  { teamUrl, audience }: Access,
  assertion: string,
  isUserId: (text: string) => boolean,
): Promise<Visit> {
  try {
    const { payload } = await jwtVerify(assertion, keySetAt(`${teamUrl}/cdn-cgi/access/certs`), {
      issuer: teamUrl,
      audience,
      algorithms: ["RS256"],
      requiredClaims: ["exp", "iat"],
    });
    const email = typeof payload["email"] === "string" ? payload["email"] : "";
    // Checks the address before `toLowerCase`, which turns U+212A (the Kelvin sign) into an ASCII k.
    const userId = isUserId(email) ? email.toLowerCase() : (payload.sub ?? "");
    if (!isUserId(userId))
      return { ok: false, problem: "invalid", reason: "The assertion names no valid user id" };
    return { ok: true, userId, untilMs: (payload.exp ?? 0) * 1000 };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "network";
    const passing = code === "network" || PASSING.has(code);
    return { ok: false, problem: passing ? "unavailable" : "invalid", reason: code };
  }
}
