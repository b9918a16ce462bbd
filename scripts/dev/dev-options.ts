import { CommandError } from "../terminal/command.ts";
import { parseOptions, portOf } from "../terminal/options.ts";

export const DEV_HELP = `npm run dev [-- options]
  --port PORT          the Worker's port; without it, 5080
  --tunnel             opens a Cloudflare quick tunnel, so that PagerDuty reaches this machine
  --tunnel-name NAME   opens this tunnel of your Cloudflare account, whose host name never changes
  --env NAME           an environment of wrangler.toml, with .dev.vars.NAME if that file exists
  --env-file FILE      settings and secrets from this file instead of .dev.vars; may be repeated
  --persist-to FOLDER  the folder for the data; without it, .wrangler/state
  --inspector-port N   the port for a debugger
  --verbose            shows everything that wrangler prints, including each request`;

export interface DevOptions {
  port?: number | undefined;
  isVerbose: boolean;
  tunnel: "quick" | "named" | null;
  env?: string | undefined;
  envFiles: string[];
  wranglerArgs: string[];
}

/** @returns null if the person asked for help. @throws {CommandError} */
export function parseDevOptions(args: string[]): DevOptions | null {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const values = parseOptions(
    "npm run dev",
    {
      port: text,
      tunnel: flag,
      "tunnel-name": text,
      env: { ...text, short: "e" },
      "env-file": { ...text, multiple: true },
      "persist-to": text,
      "inspector-port": text,
      verbose: flag,
      remote: { ...flag, short: "r" },
      help: { ...flag, short: "h" },
    },
    args,
  );
  if (values.help) return null;
  if (values.remote) {
    throw new CommandError(
      "--remote cannot work: Queues and SQLite Durable Objects run only locally or deployed.\n" +
        "To try the Worker on Cloudflare, deploy a second one for experiments: npm run deploy:dev",
    );
  }
  const envFiles = values["env-file"] ?? [];
  const given = (name: "tunnel-name" | "env" | "persist-to" | "inspector-port") =>
    values[name] === undefined ? [] : [`--${name}`, values[name]];
  const isNamed = values["tunnel-name"] !== undefined;
  const port = values.port === undefined ? undefined : portOf(values.port);
  return {
    port,
    isVerbose: values.verbose,
    tunnel: isNamed ? "named" : values.tunnel ? "quick" : null,
    env: values.env,
    envFiles,
    wranglerArgs: [
      ...(port === undefined ? [] : ["--port", String(port)]),
      // `--tunnel-name` alone does not make wrangler open a tunnel.
      ...(values.tunnel || isNamed ? ["--tunnel"] : []),
      ...given("tunnel-name"),
      ...given("env"),
      ...given("persist-to"),
      ...given("inspector-port"),
      ...envFiles.flatMap((file) => ["--env-file", file]),
    ],
  };
}
