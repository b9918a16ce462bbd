import type { Config } from "../../src/config.ts";
import { isLocalHost } from "../../src/settings.ts";
import type { DevOptions } from "./dev-options.ts";

/** The lines that `npm run dev` prints when the Worker answers. Pure. */

export interface Started {
  /** The Worker's address on this machine. */
  url: string;
  config: Config;
  tunnel: DevOptions["tunnel"];
  /** Whether the Worker has the port that `npm run doctor` calls by default. */
  isUsualPort: boolean;
  tookMs: number;
}

/** Returns the lines: the Worker's addresses, where incidents go, and the next step. */
export function greeting({ url, config, tunnel, isUsualPort, tookMs }: Started): string[] {
  const { consoleUser: user, publicUrl } = config;
  const isPublic = publicUrl !== null && !isLocalHost(publicUrl);
  const base = isPublic ? publicUrl : (config.tunnelUrl ?? url);
  const doctor = `npm run doctor${isUsualPort ? "" : ` -- --url ${url}`}`;
  const rows: [string, string][] = [
    ["Console", url],
    ["User", `${user} (CONSOLE_USER)`],
    ["Webhook URL", `${base}/pagerduty/webhook/${user}`],
    ["Tunnel", tunnelRow(isPublic, config.tunnelUrl, tunnel)],
    ["Aurora", auroraRow(config)],
    ["Next", `open the console and connect PagerDuty; ${doctor} checks the setup`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    "",
    `PagerDuty for Aurora: the Worker answers after ${(tookMs / 1000).toFixed(1)} s`,
    ...rows.map(([name, value]) => `   ${name.padEnd(width)}  ${value}`),
    "",
    "Ctrl-C ends it. The Worker's log follows; --verbose also shows each request.",
  ];
}

function tunnelRow(isPublic: boolean, tunnelUrl: string | null, tunnel: DevOptions["tunnel"]): string {
  if (isPublic) return "not used: PUBLIC_URL is public";
  if (tunnelUrl !== null) return `${tunnelUrl} (TUNNEL_URL or NGROK_URL)`;
  if (tunnel !== null)
    return "opening; webhook URLs then get its address. Keys: [a] another hour, [t] close or open";
  return "none, so PagerDuty cannot reach this machine; npm run dev -- --tunnel opens one";
}

function auroraRow({ events }: Config): string {
  if (events === null) return "not set up: incidents are only stored here (docs/deploy.md, In Aurora)";
  return `incidents are delivered to ${new URL(events.url).host} (${events.format})`;
}
