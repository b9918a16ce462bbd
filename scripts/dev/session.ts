import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { GeneratedConfig, tunnelLineOf } from "./generated-config.ts";
import { chosenUrl, isTunnelUrl, optionOf, optionsOf, withTunnelSwitch } from "./tunnel-settings.ts";

/** `wrangler dev` with an eye on its tunnel. */

// The program itself: the launcher in node_modules/.bin passes no signals on, and would leave it running.
const wrangler = fileURLToPath(new URL("../../node_modules/wrangler/wrangler-dist/cli.js", import.meta.url));
const watcher = new URL("./tunnel-watch.ts", import.meta.url).href;

export interface DevSession {
  child: ChildProcess;
  /** Removes what was made for it; to be called when the child has ended. */
  clear(): void;
}

export interface SessionOptions {
  /** The path of wrangler.toml. */
  toml: string;
  /** For `wrangler dev`. */
  args: readonly string[];
  /** Of its input, output and errors. */
  stdio: StdioOptions;
  environment?: NodeJS.ProcessEnv;
  say(line: string): void;
}

/** Starts it. A configuration that `args` names is run as it is, and then no tunnel is followed. */
export function startDevSession({ toml, args, stdio, environment, say }: SessionOptions): DevSession {
  const own = optionOf(args, "--config", "-c") !== undefined;
  const generated = own ? null : new GeneratedConfig(toml);
  const config = generated === null ? [] : ["--config", generated.path];
  // The Node that runs this script: npm scripts use the one in node_modules, whatever the machine's own is.
  const child = spawn(
    process.execPath,
    ["--no-warnings", "--import", watcher, wrangler, "dev", ...config, ...withTunnelSwitch(args)],
    {
      cwd: dirname(toml),
      env: environment ?? process.env,
      stdio: [...(Array.isArray(stdio) ? stdio : [stdio, stdio, stdio]), "ipc"],
    },
  );
  if (generated !== null) {
    child.on("message", (message: unknown) => {
      if (typeof message !== "object" || message === null || !("tunnelUrl" in message)) return;
      const { tunnelUrl } = message;
      if (tunnelUrl === null) generated.setTunnelUrl(null);
      else if (typeof tunnelUrl === "string") follow(tunnelUrl, generated, toml, args, say);
    });
  }
  return { child, clear: () => generated?.remove() };
}

/** Hands a tunnel that opened over to the Worker, unless a person chose another URL. */
function follow(
  url: string,
  generated: GeneratedConfig,
  toml: string,
  args: readonly string[],
  say: (line: string) => void,
): void {
  if (!isTunnelUrl(url, args)) {
    say("What wrangler opened is no tunnel of Cloudflare's; where it is yours, set TUNNEL_URL in .dev.vars.");
    return;
  }
  const text = readFileSync(toml, "utf8");
  const chosen = chosenUrl([
    { where: ".dev.vars", variables: devVars(dirname(toml), args) },
    { where: "wrangler.toml", variables: tunnelLineOf(text) },
  ]);
  if (chosen !== null) {
    say(`Webhook URLs begin with ${chosen.url}: ${chosen.name} in ${chosen.where} says so.`);
    return;
  }
  generated.setTunnelUrl(url);
  if (generated.holdsTunnelUrl) say(`Webhook URLs now begin with ${url}`);
  else {
    say(
      `The Worker cannot be told of the tunnel: wrangler.toml has no line TUNNEL_URL = "" any more.\n` +
        `Put it back under [vars], or set TUNNEL_URL=${url} in .dev.vars and restart.`,
    );
  }
}

/**
 * What .dev.vars sets; `--env NAME` prefers .dev.vars.NAME, and `--env-file` stands in for both, as in wrangler.
 */
function devVars(folder: string, args: readonly string[]): Record<string, unknown> {
  const env = optionOf(args, "--env", "-e");
  const files = optionsOf(args, "--env-file").filter((file) => existsSync(resolve(folder, file)));
  if (files.length === 0 && !args.some((arg) => arg.startsWith("--env-file"))) {
    const own = [...(env === undefined ? [] : [`.dev.vars.${env}`]), ".dev.vars"];
    files.push(...own.filter((file) => existsSync(resolve(folder, file))).slice(0, 1));
  }
  return Object.fromEntries(
    files.flatMap((file) => Object.entries(parseEnv(readFileSync(resolve(folder, file), "utf8")))),
  );
}
