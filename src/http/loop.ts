import type { MiddlewareHandler } from "hono";
import { EDGE_HEADER } from "../aurora/calls.ts";
import { type Config, ConfigError, configOf } from "../config.ts";
import { AppError } from "../errors.ts";
import type { AppEnv } from "./callers.ts";

/**
 * Refuses calls that the connector itself made. If the configured URL of Aurora leads to a proxy that routes /pagerduty
 * to this Worker, deliveries come back here. An accepted delivery would then wrongly count as delivered to Aurora.
 * @throws {AppError} 508
 */
export function refuseLoop(request: Request, env: Env): void {
  if (!request.headers.has(EDGE_HEADER)) return;
  throw new AppError(
    "loop_detected",
    `This call came from the connector itself: ${settingToCorrect(request, env)} leads back to it instead of to Aurora. Set it to the address of Aurora's own server, not to the proxy that routes /pagerduty to the connector.`,
  );
}

export const refuseLoops: MiddlewareHandler<AppEnv> = async (c, next) => {
  refuseLoop(c.req.raw, c.env);
  await next();
};

/**
 * Returns the name of the setting that leads back to the connector. Deliveries use the events URL. Other calls use the
 * backend URL.
 */
function settingToCorrect({ url }: Request, env: Env): string {
  const isApiCall = new URL(url).pathname.replace(/\/+$/, "") === "/pagerduty";
  return isApiCall ? "AURORA_BACKEND_URL" : (configIn(env)?.events?.setting ?? "AURORA_EVENTS_URL");
}

/** Returns null if the settings are invalid. An exception would replace the error `loop_detected`. */
function configIn(env: Env): Config | null {
  try {
    return configOf(env);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}
