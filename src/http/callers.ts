import type { Context, MiddlewareHandler } from "hono";
import { configOf } from "../config.ts";
import { AppError } from "../errors.ts";
import { CALLER_ID, type Caller, tenantIdOf } from "../tenant-id.ts";
import { webhookUrl } from "./addresses.ts";
import { isLocal } from "./locality.ts";

/** The bindings and variables in Hono's context. */
export interface AppEnv {
  Bindings: Env;
  /**
   * `isVisitor`: set for visitors of the console, who need no permission from Aurora. `untilMs`: when a visitor's
   * sign-in with Cloudflare Access expires; not set for the local user in `dev`.
   */
  Variables: { requestId: string; caller: Caller; isVisitor?: true; untilMs?: number };
}

/** Compares two secrets in constant time. Hashes both, because `timingSafeEqual` throws if the lengths differ. */
async function isSameSecret(given: string, expected: string): Promise<boolean> {
  const digest = (text: string) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const [a, b] = await Promise.all([digest(given), digest(expected)]);
  return crypto.subtle.timingSafeEqual(a, b);
}

/** Admits Aurora's server. Reads the user and the organisation from the headers. */
export const requireCaller: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { internalApiSecret: expected } = configOf(c.env);
  // The secret can only be missing in `dev`. Without a secret, only requests from this machine are admitted.
  if (expected === null && !isLocal(c.req.raw)) {
    throw new AppError(
      "forbidden",
      "Forbidden: without INTERNAL_API_SECRET the API only answers this machine, and not through a tunnel; set the secret in .dev.vars",
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
  if (!CALLER_ID.test(userId)) throw new AppError("invalid_user_id", "X-User-ID is not a valid user id");
  const orgId = c.req.header("x-org-id") || null;
  if (orgId !== null && !CALLER_ID.test(orgId)) {
    throw new AppError("invalid_org_id", "X-Org-ID is not a valid organisation id");
  }
  return { userId, orgId };
}

/** The HTTP methods that change nothing. */
export const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Returns the caller's webhook URL. */
export const ownWebhookUrl = (c: Context<AppEnv>): string =>
  webhookUrl(configOf(c.env), c.req.url, c.get("caller").userId);

/** Returns the object of the caller's tenant. */
export function tenantOf(c: Context<AppEnv>) {
  return c.env.TENANT.getByName(tenantIdOf(c.get("caller")));
}

/**
 * Whether a Durable Object was reset, moved or overloaded while it was called.
 * https://developers.cloudflare.com/durable-objects/best-practices/error-handling/
 */
export const isPassing = (error: unknown): boolean =>
  ["retryable", "overloaded", "durableObjectReset"].some((name) => has(error, name));

const has = (error: unknown, name: string): boolean =>
  error instanceof Error && Reflect.get(error, name) === true;

/**
 * Reads from the object of the caller's tenant. If a deployment or a restart ended the call, repeats the call once.
 * Does not call an overloaded object again.
 */
export async function readFrom<P>(
  c: Context<AppEnv>,
  read: (tenant: ReturnType<typeof tenantOf>) => P,
): Promise<Awaited<P>> {
  try {
    return await read(tenantOf(c));
  } catch (error) {
    if (!isPassing(error) || has(error, "overloaded")) throw error;
    return await read(tenantOf(c));
  }
}
