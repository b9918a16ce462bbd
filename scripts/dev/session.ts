import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { readDevVars } from "../settings/local-settings.ts";
import type { DevOptions } from "./dev-options.ts";
import { GeneratedConfig, tunnelLineOf } from "./generated-config.ts";
import { chosenUrl, isTunnelUrl } from "./tunnel-settings.ts";

/**
 * Runs `wrangler dev`, and tells the Worker the address of wrangler's tunnel, so that webhook URLs use this address.
 */

// wrangler's own program. A signal to the launcher in node_modules/.bin would end only the launcher.
const wrangler = fileURLToPath(new URL("../../node_modules/wrangler/wrangler-dist/cli.js", import.meta.url));

export interface DevSession {
  child: ChildProcess;
  /** Removes the generated configuration. Call this after wrangler has ended. */
  clear(): void;
}

export interface SessionOptions {
  /** The path of wrangler.toml. */
  toml: string;
  options: DevOptions;
  stdio: StdioOptions;
  environment?: NodeJS.ProcessEnv;
  /** Called once when the Worker answers, with its address on this machine. */
  ready(url: string): void;
  say(line: string): void;
}

const TunnelMessage = z.object({ tunnelUrl: z.nullable(z.string()) });
/** wrangler sends JSON as text. */
const ReadyMessage = z.object({ event: z.literal("DEV_SERVER_READY"), port: z.number() });

export function startDevSession(session: SessionOptions): DevSession {
  const { toml, options, stdio, environment, ready } = session;
  const generated = new GeneratedConfig(toml);
  const watch = new URL(`./wrangler-watch.ts${options.isVerbose ? "" : "?quiet"}`, import.meta.url).href;
  const args = ["--no-warnings", "--import", watch, wrangler, "dev", "--config", generated.path];
  // In an npm script, process.execPath is the Node that `npm ci` installed in node_modules.
  const child = spawn(process.execPath, [...args, ...options.wranglerArgs], {
    cwd: dirname(toml),
    env: environment ?? process.env,
    stdio: [...(Array.isArray(stdio) ? stdio : [stdio, stdio, stdio]), "ipc"],
  });
  child.on("message", (message: unknown) => {
    if (typeof message === "string") {
      const { data } = ReadyMessage.safeParse(JSON.parse(message));
      if (data !== undefined) ready(`http://localhost:${data.port}`);
      return;
    }
    const { data } = TunnelMessage.safeParse(message);
    if (data === undefined) return;
    if (data.tunnelUrl === null) generated.setTunnelUrl(null);
    else follow(data.tunnelUrl, generated, session);
  });
  return { child, clear: () => generated.remove() };
}

/** Tells the Worker the address of an open tunnel, unless a person set another address. */
function follow(url: string, generated: GeneratedConfig, { toml, options, say }: SessionOptions): void {
  if (!isTunnelUrl(url, options.tunnel === "named")) {
    say(
      "wrangler opened an address that is not a Cloudflare tunnel. If it is yours, set TUNNEL_URL in .dev.vars.",
    );
    return;
  }
  const chosen = chosenUrl([
    ...readDevVars(dirname(toml), options.env, options.envFiles),
    { where: "wrangler.toml", variables: tunnelLineOf(readFileSync(toml, "utf8")) },
  ]);
  if (chosen !== null) {
    say(`Webhook URLs begin with ${chosen.url}, because ${chosen.where} sets ${chosen.name}.`);
    return;
  }
  generated.setTunnelUrl(url);
  if (generated.holdsTunnelUrl) say(`Webhook URLs now begin with ${url}`);
  else {
    say(
      `The Worker does not get the tunnel's address, because wrangler.toml has no line TUNNEL_URL = "".\n` +
        `Add that line under [vars], or set TUNNEL_URL=${url} in .dev.vars and restart.`,
    );
  }
}
