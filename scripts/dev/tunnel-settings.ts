import type { SettingsSource } from "../settings/local-settings.ts";

/** Decides which public URL the local Worker uses. Pure. */

/**
 * Whether an address can be that of the tunnel that wrangler opened. The host of a quick tunnel is Cloudflare's; the
 * host of a named tunnel is known to its Cloudflare account only.
 */
export function isTunnelUrl(url: string, isNamed: boolean): boolean {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== "https:" || `${parsed.origin}/` !== parsed.href) return false;
  return isNamed || (parsed.port === "" && /^[a-z0-9-]+\.trycloudflare\.com$/.test(parsed.hostname));
}

/** The public URL that a person set, and where; null when the address of the tunnel applies. */
export function chosenUrl(
  sources: readonly SettingsSource[],
): { name: string; where: string; url: string } | null {
  // TUNNEL_URL wins over NGROK_URL, whichever file has it, as in the Worker.
  for (const name of ["TUNNEL_URL", "NGROK_URL"]) {
    for (const { where, variables } of sources) {
      const url = variables[name];
      if (typeof url === "string" && url.trim() !== "") return { name, where, url: url.trim() };
    }
  }
  return null;
}
