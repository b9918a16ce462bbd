/**
 * `npm run dev`: runs the Worker on this machine. If wrangler opens a tunnel (`--tunnel`, or the key [t]), webhook
 * URLs get the tunnel's host.
 */
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../src/config.ts";
import { readProject } from "./cloudflare/project.ts";
import { DEV_HELP, type DevOptions, parseDevOptions } from "./dev/dev-options.ts";
import { greeting } from "./dev/greeting.ts";
import { requireFreePort, requireNetwork, requireSettings } from "./dev/preflight.ts";
import { startDevSession } from "./dev/session.ts";
import { createDevVars } from "./settings/dev-vars.ts";
import { readDevVars } from "./settings/local-settings.ts";
import { runCommand } from "./terminal/command.ts";

const toml = fileURLToPath(new URL("../wrangler.toml", import.meta.url));
const folder = dirname(toml);

async function dev(): Promise<boolean> {
  const options = parseDevOptions(process.argv.slice(2));
  if (options === null) {
    console.log(DEV_HELP);
    return true;
  }
  const project = readProject(options.env ?? "");
  // With --env-file wrangler does not read .dev.vars.
  if (options.envFiles.length === 0 && createDevVars(join(folder, ".dev.vars"))) {
    console.log("Created .dev.vars with fresh random keys and AURORA_ENV=dev. Edit it as you like.");
  }
  const devVars = readDevVars(folder, options.env, options.envFiles);
  const config = requireSettings(project, devVars);
  await requireFreePort(options.port ?? project.localPort);
  await requireNetwork(options.tunnel);
  start(options, config, (options.port ?? project.localPort) === project.localPort);
  return true;
}

function start(options: DevOptions, config: Config, isUsualPort: boolean): void {
  const startedAtMs = Date.now();
  console.log("Starting the Worker …");
  const { child, clear } = startDevSession({
    toml,
    options,
    stdio: "inherit",
    ready: (url) => {
      const tookMs = Date.now() - startedAtMs;
      console.log(greeting({ url, config, tunnel: options.tunnel, isUsualPort, tookMs }).join("\n"));
    },
    say: console.log,
  });
  process.on("exit", clear);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(`wrangler could not be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exit(code ?? (signal === null ? 1 : 128 + constants.signals[signal]));
  });
}

await runCommand(dev);
