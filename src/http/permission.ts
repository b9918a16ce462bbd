import type { MiddlewareHandler } from "hono";
import { AuroraBackend, type Member } from "../aurora/backend.ts";
import { type Permission, permissions } from "../aurora/permission.ts";
import { configOf } from "../config.ts";
import { AppError } from "../errors.ts";
import { type AppEnv, SAFE_METHODS } from "./callers.ts";

/** Asks Aurora whether a caller may change connectors. Without AURORA_BACKEND_URL, every caller may. */

/** The `Retry-After` if Aurora gives no decision. It is short, because the caller is a person who retries by hand. */
const RETRY_AFTER_SECONDS = 5;

/** Admits a change only if Aurora permits the caller to make it. Runs after `requireCaller`. */
export const requirePermission: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (!SAFE_METHODS.has(c.req.method)) await checkPermission(c.env, c.get("caller"));
  await next();
};

/** Asks Aurora for the permission. */
export async function permissionFor(env: Env, member: Member): Promise<Permission> {
  const backend = AuroraBackend.of(env, configOf(env));
  return backend === null ? { verdict: "granted" } : permissions.ask(backend, member);
}

/** @throws {AppError} aurora_refused with Aurora's message, or aurora_unavailable if Aurora gives no decision */
async function checkPermission(env: Env, member: Member): Promise<void> {
  const permission = await permissionFor(env, member);
  switch (permission.verdict) {
    case "granted":
      return;
    case "refused":
      throw new AppError("aurora_refused", permission.words, { status: permission.status });
    case "unknown":
      throw new AppError(
        "aurora_unavailable",
        `Nothing was changed, because Aurora could not be asked whether you may change connectors: it ${permission.reason}. Try again. If that does not help, check AURORA_BACKEND_URL: it must be the address of Aurora's own server.`,
        { retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
  }
}

/**
 * With AURORA_BACKEND_URL, refuses to connect a user without an organisation. Aurora stores a copy of the token, and
 * would choose an organisation for this copy. That organisation would be a different tenant. Runs after
 * `requireCaller`.
 */
export const requireOrganisation: MiddlewareHandler<AppEnv> = async (c, next) => {
  const connects = c.req.method === "POST" && c.get("caller").orgId === null;
  if (connects && configOf(c.env).aurora.backendUrl !== null) {
    throw new AppError("forbidden", "Forbidden - no organization context");
  }
  await next();
};
