import { lookup } from "node:dns/promises";
import { setTimeout as wait } from "node:timers/promises";
import { type Config, parseConfig } from "../../src/config.ts";
import type { Project } from "../cloudflare/project.ts";
import {
  mergedVariables,
  type SettingFault,
  type SettingsSource,
  settingFaults,
} from "../settings/local-settings.ts";
import { CommandError } from "../terminal/command.ts";
import type { DevOptions } from "./dev-options.ts";
import { isPortFree } from "./port.ts";

/** The checks that `npm run dev` makes before it starts wrangler. */

const LOOKUP_TIMEOUT_MS = 10_000;

/**
 * Returns the local Worker's settings.
 * @throws {CommandError} naming each setting that the Worker would refuse, and the file to change
 */
export function requireSettings(project: Project, devVars: readonly SettingsSource[]): Config {
  const toml = { where: "wrangler.toml", variables: project.vars };
  const faults = settingFaults(toml, devVars, project.bindsAurora);
  if (faults.length === 0) return parseConfig(mergedVariables(toml, devVars, project.bindsAurora));
  const list = faults.map(({ what, where }) => `  ${where}: ${what}`).join("\n");
  throw new CommandError(`The Worker cannot start with these settings:\n${list}\n${remedyFor(faults)}`);
}

const remedyFor = (faults: readonly SettingFault[]) =>
  `Correct them, then start again; docs/configuration.md describes each setting.${
    faults.some(({ where }) => where === ".dev.vars")
      ? " Keep .dev.vars: the stored connections cannot be opened without its CREDENTIALS_KEYS."
      : ""
  }`;

/** @throws {CommandError} */
export async function requireFreePort(port: number, isFree = isPortFree): Promise<void> {
  if (await isFree(port)) return;
  throw new CommandError(
    `Port ${port} is in use, perhaps by another \`npm run dev\` or the demo. ` +
      `End that program, or choose another port: npm run dev -- --port ${port + 1}`,
  );
}

/** @throws {CommandError} if DNS does not find the Cloudflare host that the tunnel needs */
export async function requireNetwork(
  tunnel: DevOptions["tunnel"],
  resolveHost: (host: string) => Promise<unknown> = lookup,
): Promise<void> {
  if (tunnel === null) return;
  const host = tunnel === "quick" ? "api.trycloudflare.com" : "api.cloudflare.com";
  const late = wait(LOOKUP_TIMEOUT_MS, "no answer from DNS", { ref: false });
  const found = resolveHost(host).then(
    () => null,
    (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
  );
  const fault = await Promise.race([found, late]);
  if (fault === null) return;
  throw new CommandError(
    `A tunnel needs the internet, and ${host} cannot be found (${fault}). ` +
      "Check the network, or start without a tunnel: npm run dev",
  );
}
