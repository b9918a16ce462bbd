import type { Context, MiddlewareHandler } from "hono";
import { configOf } from "../config.ts";
import { verifyVisit } from "../console/access.ts";
import { AppError } from "../errors.ts";
import { CALLER_ID } from "../tenant-id.ts";
import { baseUrl } from "./addresses.ts";
import { type AppEnv, SAFE_METHODS } from "./callers.ts";
import { isLocal } from "./locality.ts";

/**
 * Admits visitors of the console to the API. Cloudflare Access identifies the visitor. Changes and WebSockets must come
 * from the console's own page.
 */

/**
 * The value of `X-Requested-With` that the console's script sends with every call. If another site sends this header,
 * the browser first makes a CORS preflight, which is refused.
 */
const MARK = "aurora-console";

/** Identifies the visitor. @throws {AppError} if there is no console, or the visitor's sign-in is not accepted */
export async function visitorOf(c: Context<AppEnv>): Promise<{ userId: string; untilMs?: number }> {
  const config = configOf(c.env);
  // In `dev`, calls from this machine need no sign-in. Calls through a tunnel, or to a foreign host name, need a
  // sign-in.
  if (config.dev && isLocal(c.req.raw)) return { userId: config.consoleUser };
  if (!config.access) throw new AppError("not_found", "Not found");
  const assertion = c.req.header("cf-access-jwt-assertion");
  if (!assertion) throw notSignedIn("The request has no assertion: does Access protect this host?");
  const visit = await verifyVisit(config.access, assertion, (text) => CALLER_ID.test(text));
  if (visit.ok) return { userId: visit.userId, untilMs: visit.untilMs };
  if (visit.problem === "invalid") throw notSignedIn(visit.reason);
  throw new AppError("unavailable", "Your sign-in cannot be checked at the moment; try again", {
    retryAfterSeconds: 10,
    internal: `Cloudflare Access: ${visit.reason}`,
  });
}

const notSignedIn = (reason: string) =>
  new AppError("forbidden", "You are not signed in to this console. Reload the page to sign in.", {
    internal: `Cloudflare Access: ${reason}`,
  });

/** Lets a visitor of the console call the API with the visitor's own user id. */
export const requireVisitor: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { userId, untilMs } = await visitorOf(c);
  requireOwnPage(c);
  c.set("caller", { userId, orgId: configOf(c.env).consoleOrg });
  c.set("isVisitor", true);
  if (untilMs !== undefined) c.set("untilMs", untilMs);
  await next();
};

/** Refuses changes and WebSockets that do not come from the console's own page. @throws {AppError} */
function requireOwnPage(c: Context<AppEnv>): void {
  const upgrades = c.req.header("upgrade") !== undefined;
  if (SAFE_METHODS.has(c.req.method) && !upgrades) return;
  // A page cannot set headers when it opens a WebSocket.
  const marked = upgrades || c.req.header("x-requested-with") === MARK;
  if (marked && isSameSite(c)) return;
  throw new AppError("forbidden", "This call did not come from the console's own page");
}

/**
 * Checks Sec-Fetch-Site and Origin, which browsers set and pages cannot forge. At least one of the two must be present,
 * and neither may name another site.
 */
function isSameSite(c: Context<AppEnv>): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin") return false;
  const origin = c.req.header("origin");
  if (origin === undefined) return site !== undefined;
  // Compares hosts, not origins, because a tunnel or a proxy may end TLS before the Worker.
  const hosts = [c.req.url, baseUrl(configOf(c.env), c.req.url)].map((url) => new URL(url).host);
  const host = URL.parse(origin)?.host;
  return host !== undefined && hosts.includes(host);
}
