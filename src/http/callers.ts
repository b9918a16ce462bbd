import type { Context, MiddlewareHandler } from "hono";
import { configOf } from "../config.ts";
import { AppError } from "../errors.ts";
import type { Caller } from "../tenant/connect.ts";
import { isLocal } from "./locality.ts";

/** What Hono knows about a request. */
export interface AppEnv {
  Bindings: Env;
  /** `untilMs`: when the caller's sign-in is over; set for the console's visitors in production. */
  Variables: { requestId: string; caller: Caller; untilMs?: number };
}

export const USER_ID = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/;
/** Aurora's organisation ids are UUIDs; anything of this length is compared as it is. */
const MAX_ORG_ID_CHARS = 256;

/** Compares in constant time, whatever the lengths: both sides are hashed first. */
async function isSameSecret(given: string, expected: string): Promise<boolean> {
  const digest = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const [a, b] = await Promise.all([digest(given), digest(expected)]);
  return crypto.subtle.timingSafeEqual(a, b);
}

/** Lets Aurora's server in, and says on whose behalf it calls. */
export const requireCaller: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { internalApiSecret: expected } = configOf(c.env);
  // No secret is needed in `dev` only, and that is for this machine, not for whoever finds a way to it.
  if (expected === null && !isLocal(c.req.raw)) {
    throw new AppError(
      "forbidden",
      "Forbidden: without INTERNAL_API_SECRET the API answers this machine only, and not through the tunnel; set it in .dev.vars",
    );
  }
  if (expected !== null && !(await isSameSecret(c.req.header("x-internal-secret") ?? "", expected))) {
    throw new AppError("forbidden", "Forbidden: invalid or missing X-Internal-Secret header");
  }
  c.set("caller", callerOf(c));
  await next();
};

function callerOf(c: Context<AppEnv>): Caller {
  const userId = c.req.header("x-user-id");
  if (!userId) throw new AppError("unauthenticated", "Missing X-User-ID header");
  if (!USER_ID.test(userId)) throw new AppError("invalid_user_id", "X-User-ID is not a valid user id");
  const orgId = c.req.header("x-org-id") || null;
  if (orgId !== null && orgId.length > MAX_ORG_ID_CHARS) {
    throw new AppError("invalid_request", "X-Org-ID is too long");
  }
  return { userId, orgId };
}

/** The caller's own object. */
export function tenantOf(c: Context<AppEnv>) {
  return c.env.TENANT.getByName(c.get("caller").userId);
}
