/** What was asked for by hand, for `npm run dev`. Pure. */

/**
 * Whether an address can be that of the tunnel that was asked for. A quick tunnel's host is Cloudflare's; those of
 * one with a name stand in the account that it belongs to, and wrangler alone knows them.
 */
export function isTunnelUrl(url: string, args: readonly string[]): boolean {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== "https:" || `${parsed.origin}/` !== parsed.href) return false;
  if (isNamed(args)) return true;
  return parsed.port === "" && /^[a-z0-9-]+\.trycloudflare\.com$/.test(parsed.hostname);
}

const isNamed = (args: readonly string[]) =>
  args.some((arg) => arg === "--tunnel-name" || arg.startsWith("--tunnel-name="));

/** `--tunnel-name` alone opens nothing in wrangler; who gives one wants the tunnel. */
export function withTunnelSwitch(args: readonly string[]): string[] {
  const asked = args.some((arg) => /^--(no-)?tunnel(=.*)?$/.test(arg));
  return isNamed(args) && !asked ? [...args, "--tunnel"] : [...args];
}

/** The values of an option that may come several times, such as `--env-file`. */
export function optionsOf(args: readonly string[], long: string, short = long): string[] {
  return args.flatMap((arg, index) => {
    const next = args[index + 1];
    if ((arg === long || arg === short) && next !== undefined) return [next];
    return arg.startsWith(`${long}=`) ? [arg.slice(long.length + 1)] : [];
  });
}

/** The value of an option such as `--config`, `-c`; undefined when it was not given. */
export function optionOf(args: readonly string[], long: string, short: string): string | undefined {
  return optionsOf(args, long, short).at(-1);
}

/** The public URL that a person chose, and where; null when the tunnel's own is to be used. */
export function chosenUrl(
  sources: readonly { where: string; variables: Readonly<Record<string, unknown>> }[],
): { name: string; where: string; url: string } | null {
  // TUNNEL_URL comes before NGROK_URL wherever it stands, as in the Worker.
  for (const name of ["TUNNEL_URL", "NGROK_URL"]) {
    for (const { where, variables } of sources) {
      const url = variables[name];
      if (typeof url === "string" && url.trim() !== "") return { name, where, url: url.trim() };
    }
  }
  return null;
}
