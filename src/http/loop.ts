import type { Context, MiddlewareHandler } from "hono";
import { EDGE_HEADER } from "../aurora/calls.ts";
import { type Config, ConfigError, configOf } from "../config.ts";
import { AppError } from "../errors.ts";
import type { AppEnv } from "./callers.ts";

/**
 * Refuses calls that a connector made. If Aurora's URL leads through the proxy that routes /pagerduty to this Worker, a
 * delivery would otherwise be accepted here, and count as delivered to Aurora.
 */
export const refuseLoops: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (c.req.header(EDGE_HEADER) !== undefined) {
    throw new AppError(
      "loop_detected",
      `This call came from the connector itself: ${settingToCorrect(c)} leads back to it instead of to Aurora. Set it to the address of Aurora's own server, past whatever routes /pagerduty to the connector.`,
    );
  }
  await next();
};

/** The setting to correct: deliveries go to the events URL, all other calls to the backend URL. */
function settingToCorrect(c: Context<AppEnv>): string {
  const config = configIn(c.env);
  const isApiCall = new URL(c.req.url).pathname.replace(/\/+$/, "") === "/pagerduty";
  return isApiCall ? "AURORA_BACKEND_URL" : (config?.events?.setting ?? "AURORA_EVENTS_URL");
}

/** Null if the settings are invalid: the call is refused in any case. */
function configIn(env: Env): Config | null {
  try {
    return configOf(env);
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}
