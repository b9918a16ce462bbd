/**
 * Returns the Worker's own address. Pure.
 * @param targets the hosts and routes that wrangler deployed to
 * @returns `publicUrl` if it is set, else a custom domain, else the workers.dev host, else null
 */
export function urlOf(targets: readonly string[], publicUrl: unknown): string | null {
  if (typeof publicUrl === "string" && publicUrl.trim() !== "") return publicUrl.trim().replace(/\/+$/, "");
  // Skips routes such as example.com/pagerduty/*, which send only some of the host's requests to the Worker.
  const hosts = targets.flatMap((target) => {
    const host = /^(?:https:\/\/)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)\/?(?: \(custom domain.*\))?$/i.exec(
      target,
    )?.[1];
    return host === undefined ? [] : [host];
  });
  const host = hosts.find((name) => !name.endsWith(".workers.dev")) ?? hosts[0];
  return host === undefined ? null : `https://${host}`;
}
