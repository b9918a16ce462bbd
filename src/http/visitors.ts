import type { Context, MiddlewareHandler } from "hono";
import { configOf } from "../config.ts";
import { verifyVisit } from "../console/access.ts";
import { AppError } from "../errors.ts";
import { CALLER_ID } from "../tenant-id.ts";
import { baseUrl } from "./addresses.ts";
import type { AppEnv } from "./callers.ts";
import { isLocal } from "./locality.ts";

/**
 * The console's door. Behind it is the same API as behind Aurora's; a browser comes in by who it is, and has
 * to show that the console's own page sent it.
 */

/** Sent by the console's script with every call; another site cannot send it without asking first. */
const MARK = "aurora-console";
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Who may open the console. @throws {AppError} when nobody, or not this one */
export async function visitorOf(c: Context<AppEnv>): Promise<{ userId: string; untilMs?: number }> {
  const config = configOf(c.env);
  // Only on the machine itself: through a tunnel, or under a name that points here, anyone could come.
  if (config.dev && isLocal(c.req.raw)) return { userId: config.consoleUser };
  if (!config.access) throw new AppError("not_found", "Not found");
  const assertion = c.req.header("cf-access-jwt-assertion");
  if (!assertion) throw notSignedIn("No assertion came: is Access in front of this host?");
  const visit = await verifyVisit(config.access, assertion, (text) => CALLER_ID.test(text));
  if (visit.ok) return { userId: visit.userId, untilMs: visit.untilMs };
  if (visit.problem === "invalid") throw notSignedIn(visit.reason);
  throw new AppError("unavailable", "Your sign-in cannot be checked just now, try again", {
    retryAfterSeconds: 10,
    internal: `Cloudflare Access: ${visit.reason}`,
  });
}

const notSignedIn = (reason: string) =>
  new AppError("forbidden", "You are not signed in to this console. Reload the page to sign in.", {
    internal: `Cloudflare Access: ${reason}`,
  });

/** Lets the console's visitor call the API as the user that the visitor is. */
export const requireVisitor: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { userId, untilMs } = await visitorOf(c);
  requireOwnPage(c);
  c.set("caller", { userId, orgId: configOf(c.env).consoleOrg });
  c.set("isVisitor", true);
  if (untilMs !== undefined) c.set("untilMs", untilMs);
  await next();
};

/** Whatever changes something, and the WebSocket, must come from the console's own page. */
function requireOwnPage(c: Context<AppEnv>): void {
  const upgrades = c.req.header("upgrade") !== undefined;
  if (SAFE_METHODS.has(c.req.method) && !upgrades) return;
  // A browser cannot add headers to a WebSocket.
  const marked = upgrades || c.req.header("x-requested-with") === MARK;
  if (marked && isSameSite(c)) return;
  throw new AppError("forbidden", "This call did not come from the console's own page");
}

/** By what the browser says of itself, which a page cannot forge. One of the two headers has to be there. */
function isSameSite(c: Context<AppEnv>): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin") return false;
  const origin = c.req.header("origin");
  if (origin === undefined) return site !== undefined;
  // Hosts, not origins: a tunnel or a proxy may end TLS before the Worker.
  const hosts = [c.req.url, baseUrl(configOf(c.env), c.req.url)].map((url) => new URL(url).host);
  const host = URL.parse(origin)?.host;
  return host !== undefined && hosts.includes(host);
}
