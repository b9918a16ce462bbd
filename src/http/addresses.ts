import type { Config } from "../config.ts";
import { isLocalHost } from "../settings.ts";

/** The public addresses of this Worker. Pure. */

/** Returns the base URL without a trailing slash: `PUBLIC_URL`, or the request's origin if that is not set. */
export function baseUrl(config: Pick<Config, "publicUrl">, requestUrl: string): string {
  return config.publicUrl ?? new URL(requestUrl).origin;
}

/**
 * Returns a user's webhook URL. If the base URL is local and `TUNNEL_URL` is set, `TUNNEL_URL` replaces the base URL. A
 * URL that is not local always starts with https.
 */
export function webhookUrl(config: Config, requestUrl: string, userId: string): string {
  let base = baseUrl(config, requestUrl);
  if (config.tunnelUrl !== null && isLocalHost(base)) base = config.tunnelUrl;
  if (!isLocalHost(base)) base = base.replace(/^http:/, "https:");
  // User ids need no URL encoding.
  return `${base}/pagerduty/webhook/${userId}`;
}
