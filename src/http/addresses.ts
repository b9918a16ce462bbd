import type { Config } from "../config.ts";
import { isLocalHost } from "../settings.ts";

/** The public addresses of this Worker. Pure. */

/** Returns the base URL without a trailing slash: `PUBLIC_URL` or, if it is not set, the request's origin. */
export function baseUrl(config: Pick<Config, "publicUrl">, requestUrl: string): string {
  return config.publicUrl ?? new URL(requestUrl).origin;
}

/**
 * Returns a user's webhook URL. `TUNNEL_URL` replaces a local base URL. A URL that is not local always starts with
 * https.
 */
export function webhookUrl(config: Config, requestUrl: string, userId: string): string {
  let base = baseUrl(config, requestUrl);
  if (config.tunnelUrl !== null && isLocalHost(base)) base = config.tunnelUrl;
  if (!isLocalHost(base)) base = base.replace(/^http:/, "https:");
  // User ids need no URL encoding.
  return `${base}/pagerduty/webhook/${userId}`;
}
