import type { SettingsSource } from "../settings/local-settings.ts";

/** Decides which public URL the local Worker uses. Pure. */

/**
 * Whether an address can belong to the tunnel that wrangler opened. A quick tunnel gets a host under trycloudflare.com.
 * A named tunnel can have any https origin.
 */
export function isTunnelUrl(url: string, isNamed: boolean): boolean {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== "https:" || `${parsed.origin}/` !== parsed.href) return false;
  return isNamed || (parsed.port === "" && /^[a-z0-9-]+\.trycloudflare\.com$/.test(parsed.hostname));
}

/** Returns the public URL that a person set, and where it is set; null if the tunnel's address is used. */
export function chosenUrl(
  sources: readonly SettingsSource[],
): { name: string; where: string; url: string } | null {
  // As in the Worker, TUNNEL_URL in any file overrides NGROK_URL.
  for (const name of ["TUNNEL_URL", "NGROK_URL"]) {
    for (const { where, variables } of sources) {
      const url = variables[name];
      if (typeof url === "string" && url.trim() !== "") return { name, where, url: url.trim() };
    }
  }
  return null;
}
